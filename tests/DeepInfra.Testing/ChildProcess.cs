// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Reflection;

namespace DeepInfra.Testing;

/// <summary>Runs programs, the current test executable among them, with other environment variables.</summary>
public static class ChildProcess
{
    /// <summary>Runs a program to its end; its output is captured.</summary>
    /// <param name="fileName">The program.</param>
    /// <param name="arguments">Its arguments, unquoted.</param>
    /// <param name="environment">Variables to set; null values unset.</param>
    /// <param name="timeout">After this the process tree is killed; 2 minutes by default.</param>
    /// <exception cref="TimeoutException">The timeout passed.</exception>
    public static async Task<ChildProcessResult> RunAsync(
        string fileName,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null,
        TimeSpan? timeout = null
    )
    {
        var start = new ProcessStartInfo(fileName, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        using var process =
            Process.Start(start)
            ?? throw new InvalidOperationException($"{fileName} did not start.");
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        var limit = timeout ?? TimeSpan.FromMinutes(2);
        using var cancellation = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(cancellation.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException(
                $"{fileName} ran longer than {limit}. Output: {await output} {await error}"
            );
        }
        return new ChildProcessResult(process.ExitCode, await output, await error);
    }

    /// <summary>Runs the current test executable with the given arguments; see <see cref="RunAsync"/>.</summary>
    /// <param name="arguments">Arguments of the test executable, such as a filter.</param>
    /// <param name="environment">Variables to set; null values unset.</param>
    /// <param name="timeout">After this the process tree is killed.</param>
    /// <param name="launcher">A program with its arguments that gets the command line as further arguments and runs it.</param>
    public static Task<ChildProcessResult> RunSelfAsync(
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null,
        TimeSpan? timeout = null,
        IReadOnlyList<string>? launcher = null
    )
    {
        var assembly =
            Assembly.GetEntryAssembly()?.Location
            ?? throw new InvalidOperationException("There is no entry assembly.");
        // Not Environment.ProcessPath: a runner may host the tests in its own process.
        string[] command = [.. launcher ?? [], "dotnet", "exec", assembly, .. arguments];
        return RunAsync(command[0], command[1..], environment, timeout);
    }

    /// <summary>Runs the tests of some classes of the current executable again, with other environment variables.</summary>
    /// <param name="classes">Full names of the test classes.</param>
    /// <param name="environment">Variables to set; null values unset.</param>
    /// <param name="timeout">After this the process tree is killed.</param>
    public static async Task RunTestClassesAsync(
        IEnumerable<string> classes,
        IReadOnlyDictionary<string, string?> environment,
        TimeSpan? timeout = null
    )
    {
        var filters = classes.SelectMany(c => new[] { "--filter-class", c });
        var result = await RunSelfAsync(
            [.. filters, "--minimum-expected-tests", "1", "--no-progress"],
            environment,
            timeout
        );
        if (result.ExitCode != 0)
            Assert.Fail(
                $"Exit code {result.ExitCode}:\n{result.StandardOutput}\n{result.StandardError}"
            );
    }
}
