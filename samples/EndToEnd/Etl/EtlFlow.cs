// SPDX-License-Identifier: MIT
using DeepInfra.Fs;
using DeepInfra.Pond;
using EndToEnd.Model;
using EndToEnd.Training;
using Microsoft.ML.Tokenizers;

namespace EndToEnd.Etl;

/// <summary>
/// Raw text → 3FS → Pond: filter, exact and near duplicates, tokenise, split by document, pack → sequence files on 3FS.
/// </summary>
internal sealed class EtlFlow(RunContext run, ModelConfig config)
{
    private const string Mount = "3fs";
    private const int Partitions = 4;

    private readonly Tokenizer _tokenizer = ShippedData.LoadTokenizer().Create();

    public string Decode(IEnumerable<int> tokens) => _tokenizer.Decode(tokens) ?? "";

    public async Task RunAsync()
    {
        var format = await run.Progress.PhaseAsync(Phases.Upload, _ => RawText.UploadAsync(run));
        var facts = await run.Progress.PhaseAsync(
            Phases.Prepare,
            report => PrepareAsync(format, report)
        );
        await run.Progress.PhaseAsync(
            Phases.CheckText,
            () => new EtlCheck(run, config, _tokenizer).RunAsync(format, facts)
        );
    }

    private async Task<EtlFacts> PrepareAsync(RawFormat format, Action<double, string> report)
    {
        await using var pond = await PondSession.CreateAsync(
            new PondOptions
            {
                DataRoot = Path.Combine(run.Scratch, "pond"),
                RandomSeed = run.Options.Seed,
                // Intermediate results of a demo can be made again.
                Durability = Durability.None,
                Mounts = new Dictionary<string, IFileSystem> { [Mount] = run.Files },
                Progress = new System.Progress<PondProgress>(p =>
                    report(Share(p), $"{p.TasksDone}/{p.TasksTotal} tasks")
                ),
            },
            run.CancellationToken
        );
        var tokenized = TextPreparation.Tokenize(
            TextPreparation.Clean(pond, format, Partitions),
            ShippedData.LoadTokenizer()
        );
        // Both splits read this result; without it each would compute the flow for itself.
        await tokenized.ComputeAsync(run.CancellationToken);
        foreach (var split in Split.All)
        {
            var written = await TextPreparation.WriteAsync(
                tokenized,
                split,
                Mount,
                SequenceDataset.RecordTokens(config.SequenceLength),
                run.CancellationToken
            );
            run.Facts.ShardBytes += written.Bytes;
        }

        var observed = pond.GetObservations();
        long Value(string step, string name) => (long)observed[step][name];
        foreach (var stage in TextPreparation.Stages)
            run.Facts.Funnel.Add(
                (
                    stage,
                    Value(stage, "documents"),
                    Value(stage, "bytes"),
                    observed[stage].TryGetValue("tokens", out var tokens) ? (long)tokens : null
                )
            );
        Progress.Note(
            "documents: "
                + string.Join(", ", run.Facts.Funnel.Select(f => $"{f.Documents} {f.Stage}"))
        );
        return new EtlFacts(
            run.Facts.Funnel.ToDictionary(f => f.Stage, f => f.Documents),
            Tokens: Value(TextPreparation.Tokenised, "tokens"),
            NearDuplicates: Value("near_dedup", "removed"),
            Dropped: Split.All.ToDictionary(s => s, s => Value(s.PackStep, "tokens_dropped")),
            Ids: (
                await tokenized.Select("id").ToListAsync<string>(run.CancellationToken)
            ).ToHashSet()
        );
    }

    private static double Share(PondProgress progress) =>
        progress.TasksTotal == 0 ? 0 : (double)progress.TasksDone / progress.TasksTotal;
}
