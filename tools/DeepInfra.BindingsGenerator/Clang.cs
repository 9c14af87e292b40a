// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;

namespace DeepInfra.BindingsGenerator;

/// <summary>The clang of this machine.</summary>
internal sealed class Clang
{
    private const int OldestVersion = 14;
    private const int NewestVersion = 30;

    private readonly string _program;

    private Clang(string program) => _program = program;

    /// <summary>Finds <c>clang</c>, then <c>clang-30</c> down to <c>clang-14</c>; null if there is none.</summary>
    public static Clang? Find()
    {
        var names = new List<string> { "clang" };
        for (var version = NewestVersion; version >= OldestVersion; version--)
            names.Add($"clang-{version}");
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        foreach (var name in names)
        foreach (var folder in folders)
        {
            var program = Path.Combine(folder, name);
            if (folder.Length > 0 && File.Exists(program) && VersionOf(program) >= OldestVersion)
                return new Clang(program);
        }
        return null;
    }

    /// <summary>The syntax tree of a header as JSON.</summary>
    public string DumpTree(string header, IReadOnlyList<string> includes) =>
        Run(header, includes, "-ast-dump=json");

    /// <summary>Sizes and offsets of all structs.</summary>
    public string DumpLayouts(string header, IReadOnlyList<string> includes) =>
        Run(header, includes, "-fdump-record-layouts-complete");

    private string Run(string header, IReadOnlyList<string> includes, string dump)
    {
        List<string> arguments = ["-Xclang", dump, "-fsyntax-only", "-std=c17", "-x", "c"];
        // The header is the main file here, where the guard has no meaning.
        arguments.Add("-Wno-pragma-once-outside-header");
        foreach (var include in includes)
            arguments.AddRange(["-I", include]);
        arguments.Add(header);
        var (code, output, errors) = Execute(_program, arguments);
        if (code != 0)
            throw new InvalidDataException($"{_program} refuses {header}:\n{errors}");
        return output;
    }

    private static int VersionOf(string program)
    {
        var (code, output, _) = Execute(program, ["-dumpversion"]);
        var major = output.Split('.')[0];
        return code == 0 && int.TryParse(major, CultureInfo.InvariantCulture, out var version)
            ? version
            : 0;
    }

    private static (int Code, string Output, string Errors) Execute(
        string program,
        IReadOnlyList<string> arguments
    )
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process =
            Process.Start(start)
            ?? throw new InvalidOperationException($"{program} does not start");
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.GetAwaiter().GetResult());
    }
}
