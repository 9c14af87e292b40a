// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using DeepInfra.Testing;
using EndToEnd;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>
/// The demo's command line with a small model, in a child process that runs it several times: what the first run has
/// compiled serves the others. Signals come from outside, as Ctrl-C does. The child is this test program started with an
/// environment variable.
/// </summary>
internal sealed partial class DemoHost : IDisposable
{
    private const string Variable = "DEEPINFRA_END_TO_END_CHILD";
    private const string End = "-- end of run: ";

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    private readonly Process _process;

    private DemoHost(Process process) => _process = process;

    /// <param name="temporary">Where the process puts temporary files.</param>
    /// <param name="launcher">A program with its arguments that runs the process; none if null.</param>
    public static DemoHost Start(string temporary, IReadOnlyList<string>? launcher = null)
    {
        var assembly = typeof(DemoHost).Assembly.Location;
        string[] command =
        [
            .. launcher ?? [],
            // A background job starts with SIGINT ignored, and its children inherit that; a user's terminal does not.
            "env",
            "--default-signal=INT",
            "dotnet",
            "exec",
            assembly,
        ];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[Variable] = "1";
        start.Environment["TMPDIR"] = temporary;
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        // A few short runs do not repay what profiling costs.
        start.Environment["DOTNET_TieredPGO"] = "0";
        return new DemoHost(Process.Start(start)!);
    }

    /// <summary>Runs the demo.</summary>
    /// <param name="interruptIn">Phase at whose begin Ctrl-C is pressed; none if null.</param>
    /// <param name="arguments">Its command line.</param>
    public async Task<ChildProcessResult> RunAsync(string? interruptIn, params string[] arguments)
    {
        using var limit = new CancellationTokenSource(s_limit);
        await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(arguments));
        await _process.StandardInput.FlushAsync(limit.Token);
        var errors = ReadAsync(_process.StandardError, _ => { }, limit.Token);
        var output = await ReadAsync(
            _process.StandardOutput,
            line =>
            {
                if (interruptIn is not null && line == $"{interruptIn} …")
                    _ = Kill(_process.Id, 2);
            },
            limit.Token
        );
        return new ChildProcessResult(output.ExitCode, output.Text, (await errors).Text);
    }

    public void Dispose()
    {
        // The end of the input is the end of the child.
        _process.StandardInput.Close();
        if (!_process.WaitForExit(60_000))
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    /// <summary>Whether this process is to be such a child.</summary>
    public static bool IsChild => Environment.GetEnvironmentVariable(Variable) is not null;

    /// <summary>Runs the demo for each line of the standard input.</summary>
    public static async Task<int> ServeAsync()
    {
        // A signal that comes after the end of a run must not end the child.
        using var late = PosixSignalRegistration.Create(
            PosixSignal.SIGINT,
            context => context.Cancel = true
        );
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var arguments = JsonSerializer.Deserialize<string[]>(line)!;
            var exitCode = await CommandLine.RunAsync(arguments, SmallModel.Options);
            var end = string.Create(CultureInfo.InvariantCulture, $"{End}{exitCode}");
            await Console.Out.WriteLineAsync(end);
            await Console.Error.WriteLineAsync(end);
        }
        return 0;
    }

    private static async Task<(int ExitCode, string Text)> ReadAsync(
        StreamReader reader,
        Action<string> seen,
        CancellationToken cancellationToken
    )
    {
        var text = new StringBuilder();
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith(End, StringComparison.Ordinal))
                return (
                    int.Parse(line[End.Length..], CultureInfo.InvariantCulture),
                    text.ToString()
                );
            text.AppendLine(line);
            seen(line);
        }
        throw new IOException($"The demo's process ended in the middle of a run. Output: {text}");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
