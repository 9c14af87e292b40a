// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Core.Jit;

/// <summary>The toolkit's <c>cuobjdump</c>, where it lies beside the compiler's library: lib64/libnvrtc.so.12 and bin/cuobjdump.</summary>
internal static class Disassembler
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>The program; null if there is none.</summary>
    /// <param name="compilerPath">The file of the compiler's library, or just its name; then CUDA_HOME counts.</param>
    public static string? Find(string? compilerPath)
    {
        var root = Path.IsPathRooted(compilerPath)
            ? Path.GetDirectoryName(Path.GetDirectoryName(compilerPath))
            : Environment.GetEnvironmentVariable("CUDA_HOME");
        if (root is null)
            return null;
        var tool = Path.Combine(root, "bin", "cuobjdump");
        return File.Exists(tool) ? tool : null;
    }

    /// <summary>The machine code of a cubin as text.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">The program does not start.</exception>
    public static string Run(string tool, string cubin)
    {
        using var process = Process.Start(
            new ProcessStartInfo(tool, ["--dump-sass", cubin])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_limit))
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult();
    }
}
