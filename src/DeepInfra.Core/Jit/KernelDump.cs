// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace DeepInfra.Core.Jit;

/// <summary>Writes what went into and came out of a compilation into a folder, for people.</summary>
internal static class KernelDump
{
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
                if (Disassembler.Find(compilerPath) is { } tool)
                    File.WriteAllText(stem + ".sass", Disassembler.Run(tool, stem + ".cubin"));
            }
        );

    private static string Stem(string folder, KernelSpec spec) =>
        Path.Combine(folder, $"{spec.Name}.{spec.Hash.ToShortString()}");

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
