// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text;
using DeepInfra.Testing;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>The demo as a user runs it: a process of its own with a temporary folder of its own.</summary>
internal sealed class DemoProcess : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    private readonly TempDirectory _folder = new();
    private readonly string _temporary;

    public DemoProcess() =>
        _temporary = Directory.CreateDirectory(_folder.Combine("temporary")).FullName;

    /// <summary>Where the process puts temporary files.</summary>
    public string Temporary => _temporary;

    public string Report => _folder.Combine("report", "report.html");

    /// <summary>What lies in the process's temporary folder: must be nothing after its end.</summary>
    public IReadOnlyList<string> Leftovers => [.. LeftoversIn(_temporary)];

    /// <summary>What lies in a folder of temporary files.</summary>
    public static IEnumerable<string> LeftoversIn(string folder) =>
        Directory
            .EnumerateFileSystemEntries(folder)
            // The runtime's own debugging endpoints; they go with the process.
            .Where(e => !Path.GetFileName(e).StartsWith("clr-debug-pipe", StringComparison.Ordinal))
            .Where(e =>
                !Path.GetFileName(e).StartsWith("dotnet-diagnostic", StringComparison.Ordinal)
            );

    public string CreateInput(string file, ReadOnlySpan<byte> content)
    {
        var input = Directory.CreateDirectory(_folder.Combine("input")).FullName;
        File.WriteAllBytes(Path.Combine(input, file), content);
        return input;
    }

    public string CreateInput(string file, string content) =>
        CreateInput(file, Encoding.UTF8.GetBytes(content));

    public string Combine(string name) => _folder.Combine(name);

    public Task<ChildProcessResult> RunAsync(params string[] arguments) =>
        ChildProcess.RunAsync(
            "dotnet",
            ["exec", Program, "--report", Report, .. arguments],
            Environment(),
            s_limit
        );

    /// <summary>Runs until a phase begins, sends the signal that Ctrl-C sends, and waits for the end.</summary>
    public async Task<ChildProcessResult> InterruptAsync(string phase, params string[] arguments)
    {
        // A background job starts with SIGINT ignored, and its children inherit that; a user's terminal does not.
        var start = new ProcessStartInfo(
            "env",
            ["--default-signal=INT", "dotnet", "exec", Program, "--report", Report, .. arguments]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in Environment())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(s_limit);
        var errors = process.StandardError.ReadToEndAsync(limit.Token);
        var output = new StringBuilder();
        try
        {
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                output.AppendLine(line);
                if (line == $"{phase} …")
                    await ChildProcess.RunAsync("kill", ["-INT", $"{process.Id}"]);
            }
            await process.WaitForExitAsync(limit.Token);
            return new ChildProcessResult(process.ExitCode, output.ToString(), await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static string Program => Path.Combine(AppContext.BaseDirectory, "EndToEnd.dll");

    private Dictionary<string, string?> Environment() =>
        new() { ["TMPDIR"] = _temporary, ["DOTNET_EnableDiagnostics"] = "0" };
}
