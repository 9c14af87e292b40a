// SPDX-License-Identifier: MIT
using DeepInfra.Pond;
using EndToEnd.Model;
using EndToEnd.Training;
using Microsoft.ML.Tokenizers;

namespace EndToEnd.Etl;

/// <summary>
/// Judges the prepared text by what lies on 3FS: counts documents again from the raw files, counts tokens from the shards,
/// and decodes the shards back to the texts.
/// </summary>
internal sealed class EtlCheck(RunContext run, ModelConfig config, Tokenizer tokenizer)
{
    private const int RecordsPerRead = 256;

    public async Task RunAsync(RawFormat format, EtlFacts facts)
    {
        // Only Pond reads Parquet here; its documents are then compared with its own list.
        var recount = format == RawFormat.JsonLines ? await RawRecount.RunAsync(run) : null;
        var source = recount?.Hashes ?? facts.Ids;
        var (records, decoded, foreign, twice) = (0L, 0L, 0L, 0L);
        var seen = new HashSet<string>();
        foreach (var split in Split.All)
        {
            var before = records;
            var document = new List<int>();
            await foreach (var record in ReadAsync(split))
            {
                records++;
                foreach (var token in record)
                {
                    if (token != ShippedData.EndOfText)
                    {
                        document.Add(token);
                        continue;
                    }
                    var hash = RawRecount.Hash(tokenizer.Decode(document) ?? "");
                    decoded++;
                    foreign += source.Contains(hash) && facts.Ids.Contains(hash) ? 0 : 1;
                    twice += seen.Add(hash) ? 0 : 1;
                    document.Clear();
                }
            }
            RequireEnough(facts, split, records - before);
        }
        CheckDocuments(facts, recount);
        CheckTokens(facts, records);
        var cut = facts.Documents[TextPreparation.Tokenised] - decoded;
        run.Verdicts.Add(
            "Documents decoded from the shards are the raw documents, each in one split only",
            // A document that is cut off at the end of a split leaves at least one token of the dropped rest.
            foreign == 0
                && twice == 0
                && cut >= 0
                && cut <= facts.Dropped.Values.Sum(),
            $"{decoded} documents, {foreign} with a SHA-256 that no raw document has, {twice} in two places, {cut} cut off at the end of a split"
        );
    }

    private void RequireEnough(EtlFacts facts, Split split, long records)
    {
        var least = TrainingFlow.SequencesPerStep(config);
        if (records < least)
            throw new InvalidDataException(
                $"{run.Options.Input ?? "the shipped corpus"}: too little text: {records} {split.Name} sequences of "
                    + $"{SequenceDataset.RecordTokens(config.SequenceLength)} tokens, expected at least {least}. Of {facts.Documents[TextPreparation.Read]} "
                    + $"documents {facts.Documents[TextPreparation.Tokenised]} are kept ({TextRules.LeastCharacters} characters of prose or more, "
                    + "no duplicate), and one in sixteen of those is held out for validation"
            );
    }

    private void CheckDocuments(EtlFacts facts, RawRecount? recount)
    {
        long Lost(string from, string to) => facts.Documents[from] - facts.Documents[to];
        var exact = Lost(TextPreparation.Prose, TextPreparation.ExactlyUnique);
        var kept = facts.Documents[TextPreparation.Tokenised];
        var sound =
            Lost(TextPreparation.ExactlyUnique, TextPreparation.NearlyUnique)
                == facts.NearDuplicates
            && kept == facts.Documents[TextPreparation.NearlyUnique]
            && kept == facts.Ids.Count
            && (
                recount is null
                || (
                    recount.Read == facts.Documents[TextPreparation.Read]
                    && recount.LongEnough == facts.Documents[TextPreparation.LongEnough]
                    && recount.Prose == facts.Documents[TextPreparation.Prose]
                    && recount.ExactlyUnique == facts.Documents[TextPreparation.ExactlyUnique]
                )
            );
        run.Verdicts.Add(
            recount is null
                ? "Every document is kept, filtered or a duplicate"
                : "Every document is kept, filtered or a duplicate, as a recount of the raw files says",
            sound,
            $"{facts.Documents[TextPreparation.Read]} read = "
                + $"{Lost(TextPreparation.Read, TextPreparation.LongEnough)} too short + "
                + $"{Lost(TextPreparation.LongEnough, TextPreparation.Prose)} not prose + "
                + $"{exact} exact duplicates + {facts.NearDuplicates} near duplicates + {kept} kept"
                + (
                    recount is null
                        ? ""
                        : $"; recount {recount.Read}, {recount.LongEnough}, {recount.Prose}, {recount.ExactlyUnique}"
                )
        );
    }

    private void CheckTokens(EtlFacts facts, long records)
    {
        var marks = facts.Documents[TextPreparation.Tokenised];
        var length = SequenceDataset.RecordTokens(config.SequenceLength);
        var dropped = facts.Dropped.Values.Sum();
        run.Verdicts.Add(
            "The shards on 3FS hold every token but the rest of each split's last record",
            facts.Tokens + marks == records * length + dropped
                && facts.Dropped.Values.All(d => d < length),
            FormattableString.Invariant(
                $"{facts.Tokens:#,0} tokens + {marks:#,0} end marks = {records:#,0} records of {length} + {dropped:#,0} dropped"
            )
        );
    }

    private async IAsyncEnumerable<ushort[]> ReadAsync(Split split)
    {
        await using var records = await PondRecords.OpenAsync(
            run.Files,
            split.Path,
            run.CancellationToken
        );
        for (long start = 0; start < records.Count; start += RecordsPerRead)
        {
            var count = (int)Math.Min(RecordsPerRead, records.Count - start);
            using var batch = await records.ReadBatchAsync(
                Enumerable.Range(0, count).Select(i => start + i).ToArray(),
                run.CancellationToken
            );
            for (var i = 0; i < count; i++)
                yield return SequenceDataset.Tokens(batch[i].Span).ToArray();
        }
    }
}
