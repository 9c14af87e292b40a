// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;

namespace DeepInfra.Core.Jit;

/// <summary>What <see cref="KernelInspector"/> found out about a kernel. Immutable.</summary>
public sealed record KernelInspection
{
    /// <summary>The kernel: its source, headers and options.</summary>
    public required KernelSpec Spec { get; init; }

    /// <summary>The compiled kernel: registers, static shared memory, local memory, the compiler's log.</summary>
    public required CompiledKernel Kernel { get; init; }

    /// <summary>The intermediate code; empty if the compiler gives none, as on the simulator.</summary>
    public required string Ptx { get; init; }

    /// <summary>The machine code as text; empty where the toolkit's cuobjdump does not lie beside the compiler.</summary>
    public required string Sass { get; init; }

    /// <summary>How often each instruction occurs in the machine code, by its name without suffixes.</summary>
    public required IReadOnlyDictionary<string, int> Instructions { get; init; }

    /// <summary>Blocks that a multiprocessor runs at a time; null without a device.</summary>
    public int? BlocksPerMultiprocessor { get; init; }

    /// <summary>How many times the grid fills the device; null without a device.</summary>
    public double? Waves { get; init; }

    /// <summary>The figures as text, without the listings.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        void Line(string name, FormattableString value) =>
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{name + ":", -14}{value.ToString(CultureInfo.InvariantCulture)}"
            );

        Line("kernel", $"{Spec}");
        Line("compiler", $"{Kernel.Compiler}, {Kernel.CompileMilliseconds:0} ms");
        Line("code", $"{Kernel.Cubin.Length} bytes");
        Line("registers", $"{Kernel.Registers}");
        Line("local", $"{Kernel.LocalBytes} bytes (spills and arrays indexed at run time)");
        Line("shared", $"{Kernel.StaticSharedBytes} bytes static");
        if (BlocksPerMultiprocessor is { } blocks && Waves is { } waves)
            Line("occupancy", $"{blocks} blocks per multiprocessor, {waves:0.00} waves");
        if (Instructions.Count > 0)
        {
            var most = Instructions
                .OrderByDescending(i => i.Value)
                .ThenBy(i => i.Key, StringComparer.Ordinal)
                .Select(i => $"{i.Key} {i.Value}");
            Line("instructions", $"{string.Join(", ", most)}");
        }
        if (Kernel.Log.Length > 0)
            Line("log", $"{Kernel.Log.Trim()}");
        return text.ToString();
    }
}
