// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Core;
using DeepInfra.Fs;
using DeepInfra.Fs.Cluster;
using EndToEnd.Checks;
using EndToEnd.Report;
using Spectre.Console;

namespace EndToEnd;

/// <summary>Starts the embedded cluster, runs the flows, writes the report and turns the verdicts into an exit code.</summary>
internal static class Application
{
    public const int Passed = 0;
    public const int ChecksFailed = 1;
    public const int WrongUsage = 2;
    public const int Broken = 3;
    public const int Cancelled = 130;

    public static async Task<int> RunAsync(RunOptions options, CancellationToken cancellationToken)
    {
        // A file or a pipe has no width: lines stay whole there, and can be searched.
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 10_000;
        var clock = Stopwatch.StartNew();
        var verdicts = new Verdicts();
        var facts = new RunFacts();
        using var meters = new MeterBook();
        var progress = new Progress(facts, meters, cancellationToken);
        try
        {
            ReportBuilder.RequireWritable(options.Report);
            using (var folders = new WorkFolders(options.Data))
            {
                var leaks = LeakCheck.Start(folders);
                await RunFlowsAsync(options, folders, verdicts, facts, progress, cancellationToken);
                leaks.Finish(verdicts);
            }
            ReportBuilder.Write(options, verdicts, facts, meters, clock.Elapsed);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Whatever a stopped operation throws, the cause is the stop.
            await Console.Error.WriteLineAsync(
                $"Cancelled in phase '{progress.Current}'. Nothing half-written is left; run it again."
            );
            return Cancelled;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync(
                $"Failed in phase '{progress.Current}': {Describe(e)}"
            );
            if (!IsExpected(e))
                await Console.Error.WriteLineAsync(e.ToString());
            return Broken;
        }

        ShowTexts(facts);
        foreach (var verdict in verdicts.All)
            AnsiConsole.MarkupLineInterpolated(
                $"{(verdict.Passed ? "  ok    " : "  FAILED")} {verdict.Claim}: {verdict.Evidence}"
            );
        AnsiConsole.MarkupLineInterpolated($"report: {Path.GetFullPath(options.Report)}");
        Console.WriteLine(
            verdicts.Failed == 0
                ? $"all {verdicts.All.Count} checks passed"
                : $"{verdicts.Failed} of {verdicts.All.Count} checks failed"
        );
        return verdicts.Failed == 0 ? Passed : ChecksFailed;
    }

    private static async Task RunFlowsAsync(
        RunOptions options,
        WorkFolders folders,
        Verdicts verdicts,
        RunFacts facts,
        Progress progress,
        CancellationToken cancellationToken
    )
    {
        await using var cluster = await progress.PhaseAsync(
            Phases.Start,
            _ =>
                ThreeFsCluster.StartAsync(
                    new ThreeFsClusterOptions
                    {
                        DataDirectory = folders.Cluster,
                        StorageNodeCount = 2,
                        TargetsPerNode = 2,
                        // The demo's data can be made again; a production cluster keeps the default.
                        Durability = DurabilityMode.None,
                    },
                    cancellationToken
                )
        );
        // Now that the cluster holds its lock, no other run uses the folder.
        folders.CreateScratch();
        await using var client = await cluster.ConnectAsync(cancellationToken: cancellationToken);
        await Flows.RunAsync(
            new RunContext(
                options,
                new ThreeFsFileSystem(client),
                folders.Scratch,
                verdicts,
                facts,
                progress,
                cancellationToken
            )
        );
    }

    private static void ShowTexts(RunFacts facts)
    {
        foreach (var (kind, prompt, continuation) in facts.Texts)
            AnsiConsole.MarkupLineInterpolated(
                $"[grey]{kind}:[/] …{prompt[^Math.Min(prompt.Length, 80)..]}[bold]{continuation}[/]"
            );
    }

    /// <summary>Failures whose message says what is wrong; of others the stack is shown as well.</summary>
    internal static bool IsExpected(Exception e) =>
        e
            is DeepInfraException
                or IOException
                or InvalidDataException
                or UnauthorizedAccessException
                or TimeoutException;

    internal static string Describe(Exception e)
    {
        var text = e.Message;
        for (var inner = e.InnerException; inner is not null; inner = inner.InnerException)
            if (!text.Contains(inner.Message, StringComparison.Ordinal))
                text += $" ({inner.Message})";
        return text;
    }
}
