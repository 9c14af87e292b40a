// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Core;
using DeepInfra.Fs;
using DeepInfra.Fs.Cluster;
using EndToEnd.Checks;
using EndToEnd.Etl;
using EndToEnd.Inference;
using EndToEnd.Model;
using EndToEnd.Report;
using EndToEnd.Training;
using Spectre.Console;

namespace EndToEnd;

/// <summary>Starts the embedded cluster, runs the phases, writes the report and turns the verdicts into an exit code.</summary>
internal static class Application
{
    public const int Passed = 0;
    public const int ChecksFailed = 1;
    public const int Broken = 3;
    public const int Cancelled = 130;

    public static async Task<int> RunAsync(RunOptions options, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var verdicts = new Verdicts();
        var facts = new RunFacts();
        var folder =
            options.Data ?? Path.Combine(Path.GetTempPath(), $"deepinfra-{Guid.NewGuid():N}");
        var scratch = Path.Combine(folder, "scratch");
        using var meters = new MeterBook();
        try
        {
            Directory.CreateDirectory(scratch);
            var leaks = LeakCheck.Start(folder);
            await RunPhasesAsync(options, folder, scratch, verdicts, facts, cancellationToken);
            leaks.Finish(verdicts);
            MeterCheck.Add(verdicts, meters);
            WriteReport(options, verdicts, facts, meters, clock.Elapsed);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            AnsiConsole.MarkupLine(
                "[yellow]Cancelled.[/] Nothing half-written is left; run it again."
            );
            return Cancelled;
        }
        catch (Exception e)
            when (e
                    is DeepInfraException
                        or IOException
                        or InvalidDataException
                        or UnauthorizedAccessException
            )
        {
            AnsiConsole.MarkupLineInterpolated($"[red]Failed:[/] {Describe(e)}");
            return Broken;
        }
        finally
        {
            if (options.Data is null && Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
            else if (Directory.Exists(scratch))
                Directory.Delete(scratch, recursive: true);
        }

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

    private static async Task RunPhasesAsync(
        RunOptions options,
        string folder,
        string scratch,
        Verdicts verdicts,
        RunFacts facts,
        CancellationToken cancellationToken
    )
    {
        var progress = new Progress(facts);
        var config = new ModelConfig();
        await using var cluster = await progress.PhaseAsync(
            "start the embedded 3FS cluster",
            _ =>
                ThreeFsCluster.StartAsync(
                    new ThreeFsClusterOptions
                    {
                        DataDirectory = Path.Combine(folder, "3fs"),
                        StorageNodeCount = 2,
                        TargetsPerNode = 2,
                        // The demo's data can be made again; a production cluster keeps the default.
                        Durability = DurabilityMode.None,
                    },
                    cancellationToken
                )
        );
        await using var client = await cluster.ConnectAsync(cancellationToken: cancellationToken);
        var run = new RunContext(
            options,
            new ThreeFsFileSystem(client),
            scratch,
            verdicts,
            facts,
            progress,
            cancellationToken
        );

        var etl = new EtlFlow(run, config);
        await etl.RunAsync();
        await progress.PhaseAsync(
            "check dispatch and combine",
            _ => Task.FromResult(ExchangeCheck.Run(config, verdicts))
        );
        await new TrainingFlow(run, config).RunAsync();
        await new InferenceFlow(run, config, etl.Decode).RunAsync();

        ShowTexts(facts);
        Arena.DrainPool();
    }

    private static void ShowTexts(RunFacts facts)
    {
        foreach (var (kind, prompt, continuation) in facts.Texts)
            AnsiConsole.MarkupLineInterpolated(
                $"[grey]{kind}:[/] …{prompt[^Math.Min(prompt.Length, 80)..]}[bold]{continuation}[/]"
            );
    }

    private static void WriteReport(
        RunOptions options,
        Verdicts verdicts,
        RunFacts facts,
        MeterBook meters,
        TimeSpan elapsed
    )
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Report))!);
        ReportBuilder.Write(options, verdicts, facts, meters, elapsed);
    }

    private static string Describe(Exception e)
    {
        var text = e.Message;
        for (var inner = e.InnerException; inner is not null; inner = inner.InnerException)
            if (!text.Contains(inner.Message, StringComparison.Ordinal))
                text += $" ({inner.Message})";
        return text;
    }
}
