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

    private readonly Tokenizer _tokenizer = ShippedData.LoadTokenizer();

    public string Decode(IEnumerable<int> tokens) => _tokenizer.Decode(tokens) ?? "";

    public async Task RunAsync()
    {
        var format = await run.Progress.PhaseAsync(
            "copy raw text to 3FS",
            _ => RawText.UploadAsync(run)
        );
        await run.Progress.PhaseAsync(
            "prepare text with Pond",
            report => PrepareAsync(format, report)
        );
    }

    private async Task<bool> PrepareAsync(RawFormat format, Action<double, string> report)
    {
        await using var pond = await PondSession.CreateAsync(
            new PondOptions
            {
                DataRoot = Path.Combine(run.Scratch, "pond"),
                RandomSeed = run.Options.Seed,
                Mounts = new Dictionary<string, IFileSystem> { [Mount] = run.Files },
                Progress = new System.Progress<PondProgress>(p =>
                    report(Share(p), $"{p.TasksDone}/{p.TasksTotal} tasks")
                ),
            },
            run.CancellationToken
        );
        var text = TextPreparation.Build(pond, format, Partitions);
        var tokenized = text.Tokenize(_tokenizer);
        await TextPreparation.PackAsync(
            tokenized,
            run.Files,
            TrainingFlow.TrainPath,
            "train",
            config.SequenceLength,
            run
        );
        await TextPreparation.PackAsync(
            tokenized,
            run.Files,
            TrainingFlow.ValidationPath,
            "validation",
            config.SequenceLength,
            run
        );

        var observed = pond.GetObservations();
        foreach (var stage in TextPreparation.Stages)
            run.Facts.Funnel.Add(
                (
                    stage,
                    (long)observed[stage]["documents"],
                    (long)observed[stage]["bytes"],
                    observed[stage].TryGetValue("tokens", out var tokens) ? (long)tokens : null
                )
            );
        run.Verdicts.Add(
            "No step of the text flow adds documents",
            run.Facts.Funnel.Zip(run.Facts.Funnel.Skip(1))
                .All(p => p.Second.Documents <= p.First.Documents),
            string.Join(" → ", run.Facts.Funnel.Select(f => f.Documents))
        );
        return true;
    }

    private static double Share(PondProgress progress) =>
        progress.TasksTotal == 0 ? 0 : (double)progress.TasksDone / progress.TasksTotal;
}
