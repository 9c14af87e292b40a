// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Core.Jit;

/// <summary>Writes what went into and came out of a compilation into a folder, for people.</summary>
internal static class KernelDump
{
    private static readonly TimeSpan s_disassemblyLimit = TimeSpan.FromSeconds(60);

    public static void WriteSource(string folder, KernelSpec spec, ILogger logger) =>
        Try(
            spec,
            logger,
            () =>
            {
                Directory.CreateDirectory(folder);
                var stem = Stem(folder, spec);
                File.WriteAllText(stem + ".cu", spec.Source);
                File.WriteAllLines(
                    stem + ".txt",
                    [
                        $"kernel {spec}",
                        $"entry {spec.EntryExpression ?? spec.EntrySymbol}",
                        $"hash {spec.Hash}",
                        .. spec.Options.Select(o => $"option {o}"),
                        .. spec.Headers.Texts.Keys.Select(h => $"header {h}"),
                    ]
                );
            }
        );

    public static void WriteLog(string folder, KernelSpec spec, string log, ILogger logger) =>
        Try(spec, logger, () => File.WriteAllText(Stem(folder, spec) + ".log", log));

    public static void WriteResult(
        string folder,
        KernelSpec spec,
        CompiledKernel kernel,
        byte[] ptx,
        string? compilerPath,
        ILogger logger
    ) =>
        Try(
            spec,
            logger,
            () =>
            {
                var stem = Stem(folder, spec);
                File.WriteAllText(stem + ".log", $"{kernel}\n{kernel.Log}\n");
                File.WriteAllBytes(stem + ".cubin", kernel.Cubin.Span);
                if (ptx.Length > 0)
                    File.WriteAllBytes(stem + ".ptx", ptx.AsSpan().TrimEnd((byte)0));
                if (FindDisassembler(compilerPath) is { } tool)
                    File.WriteAllText(stem + ".sass", Disassemble(tool, stem + ".cubin"));
            }
        );

    private static string Stem(string folder, KernelSpec spec) =>
        Path.Combine(folder, $"{spec.Name}.{spec.Hash.ToShortString()}");

    // Beside the compiler's library: lib64/libnvrtc.so.12 and bin/cuobjdump of one toolkit.
    private static string? FindDisassembler(string? compilerPath)
    {
        var root = Path.IsPathRooted(compilerPath)
            ? Path.GetDirectoryName(Path.GetDirectoryName(compilerPath))
            : Environment.GetEnvironmentVariable("CUDA_HOME");
        if (root is null)
            return null;
        var tool = Path.Combine(root, "bin", "cuobjdump");
        return File.Exists(tool) ? tool : null;
    }

    private static string Disassemble(string tool, string cubin)
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
        if (!process.WaitForExit(s_disassemblyLimit))
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult();
    }

    private static void Try(KernelSpec spec, ILogger logger, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or System.ComponentModel.Win32Exception
            )
        {
            JitLog.NotDumped(logger, spec.Name, e.Message);
        }
    }
}
