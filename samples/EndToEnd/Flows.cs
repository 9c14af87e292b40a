// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using EndToEnd.Checks;
using EndToEnd.Etl;
using EndToEnd.Inference;
using EndToEnd.Model;
using EndToEnd.Training;

namespace EndToEnd;

/// <summary>Both flows on a running 3FS: text, training, serving, and the checks of what they claim.</summary>
internal static class Flows
{
    public static async Task RunAsync(RunContext run)
    {
        try
        {
            await RunPhasesAsync(run, run.Options.Model);
        }
        finally
        {
            Arena.DrainPool();
            ThreadScratch<float>.Drain();
            ThreadScratch<BFloat16>.Drain();
            ThreadScratch<Float8E4M3>.Drain();
        }
        new MeterCheck(run.Facts, run.Verdicts).Run(run.Options.Model);
        await CheckDraftsAsync(run);
    }

    private static async Task RunPhasesAsync(RunContext run, ModelConfig config)
    {
        await RemoveEarlierAsync(run);
        var etl = new EtlFlow(run, config);
        await etl.RunAsync();
        await run.Progress.PhaseAsync(
            Phases.CheckExchange,
            () => ExchangeCheck.Run(config, run.Verdicts)
        );
        await new TrainingFlow(run, config).RunAsync();
        await new InferenceFlow(run, config, etl.Decode).RunAsync();
    }

    /// <summary>A run starts from nothing: whatever an earlier one on the same folder has left, whole or not, goes first.</summary>
    private static async Task RemoveEarlierAsync(RunContext run)
    {
        var earlier = new List<string>();
        await foreach (
            var entry in run.Files.ListAsync("/", cancellationToken: run.CancellationToken)
        )
            earlier.Add(entry.Path);
        foreach (var path in earlier)
            await run.Files.DeleteAsync(path, recursive: true, run.CancellationToken);
    }

    /// <summary>Files are written under another name and renamed when they are whole; none of those may remain.</summary>
    private static async Task CheckDraftsAsync(RunContext run)
    {
        var drafts = new List<string>();
        var files = 0;
        await foreach (
            var entry in run.Files.ListAsync("/", recursive: true, run.CancellationToken)
        )
        {
            files += entry.IsDirectory ? 0 : 1;
            // Hidden names are those of Pond's unfinished outputs.
            if (entry.Name.EndsWith(".tmp", StringComparison.Ordinal) || entry.Name[0] == '.')
                drafts.Add(entry.Path);
        }
        run.Verdicts.Add(
            "No unfinished file is left on 3FS",
            files > 0 && drafts.Count == 0,
            drafts.Count == 0
                ? $"{files} files, all under their final names"
                : $"{drafts.Count} of {files} files, first {drafts[0]}"
        );
    }
}
