// SPDX-License-Identifier: MIT
// Makes the files in samples/EndToEnd/data; PROVENANCE.md there says from what and how.
using DeepInfra.CorpusTool;

return args switch
{
    ["corpus", var mobyDick, var sotu, var output] => Corpus.Build(mobyDick, sotu, output),
    ["train-bpe", var corpus, var entries, var folder] => BpeTrainer.Train(
        corpus,
        int.Parse(entries),
        folder
    ),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: DeepInfra.CorpusTool corpus MOBY_DICK_DATA SOTU_DATA OUTPUT.jsonl.gz
               DeepInfra.CorpusTool train-bpe CORPUS.jsonl.gz ENTRIES OUTPUT_FOLDER
        """
    );
    return 2;
}
