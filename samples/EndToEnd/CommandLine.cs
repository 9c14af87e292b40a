// SPDX-License-Identifier: MIT
using System.CommandLine;
using System.Runtime.InteropServices;

namespace EndToEnd;

/// <summary>What a user types, and what Ctrl-C does.</summary>
internal static class CommandLine
{
    /// <summary>Runs the program to its end.</summary>
    /// <param name="args">The words after the program's name.</param>
    /// <param name="defaults">What the command line does not say.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args, RunOptions defaults)
    {
        var input = new Option<string?>("--input")
        {
            Description =
                "Folder of .txt, .jsonl, .jsonl.gz or .parquet files; the shipped corpus if absent.",
        };
        var tokens = new Option<int>("--tokens")
        {
            Description =
                $"Tokens to train on. Below {RunOptions.LossTargetTokens:#,0} the run does not claim to beat the entropy of single tokens.",
            DefaultValueFactory = _ => defaults.Tokens,
        };
        tokens.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<int>() < 1)
                result.AddError("--tokens: expected at least 1");
        });
        var report = new Option<string>("--report")
        {
            Description = "Where the HTML report goes.",
            DefaultValueFactory = _ => defaults.Report,
        };
        var data = new Option<string?>("--data")
        {
            Description =
                "Folder of the embedded 3FS cluster, whose files each run replaces; a temporary one that is removed afterwards if absent.",
        };
        var seed = new Option<int>("--seed")
        {
            Description = "Seed of weights, data order and sampling.",
            DefaultValueFactory = _ => defaults.Seed,
        };

        var command = new RootCommand(
            "Raw text to trained model to generated text, through every DeepInfra package."
        )
        {
            input,
            tokens,
            report,
            data,
            seed,
        };
        command.SetAction(
            (arguments, cancellationToken) =>
                Application.RunAsync(
                    defaults with
                    {
                        Input = arguments.GetValue(input),
                        Tokens = arguments.GetValue(tokens),
                        Report = arguments.GetValue(report)!,
                        Data = arguments.GetValue(data),
                        Seed = arguments.GetValue(seed),
                    },
                    cancellationToken
                )
        );
        var parsed = command.Parse(args);

        // Not disposed: a signal may arrive while the program ends.
        var stop = new CancellationTokenSource();
        var signals = 0;
        // Before anything begins: work that starts unguarded would be cut off in the middle.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var exitCode = await parsed.InvokeAsync(
            new InvocationConfiguration { ProcessTerminationTimeout = null },
            stop.Token
        );
        return parsed.Errors.Count > 0 ? Application.WrongUsage : exitCode;

        // The first signal lets the running phase come to its end and remove its files; a second one ends the process.
        void Stop(PosixSignalContext context)
        {
            if (Interlocked.Increment(ref signals) > 1)
                return;
            context.Cancel = true;
            stop.Cancel();
        }
    }
}
