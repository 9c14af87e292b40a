// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.RegularExpressions;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Jit;

/// <summary>Shows what the compiler makes of a kernel: for people who tune one, and for bug reports. Thread-safe.</summary>
/// <example>
/// <code>
/// Console.WriteLine(KernelInspector.Describe(spec));                           // no GPU needed
/// Console.WriteLine(KernelInspector.Describe(spec, Device.Cuda(0), launch));   // with occupancy and waves
/// </code>
/// </example>
public static partial class KernelInspector
{
    /// <summary>Compiles a kernel anew and collects what the compiler tells.</summary>
    /// <param name="spec">The kernel.</param>
    /// <exception cref="ArgumentException">The specification names no entry, or two.</exception>
    /// <exception cref="KernelCompilationException">The source does not compile.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The compiler is not on this machine.</exception>
    public static KernelInspection Describe(KernelSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var kernel = NvrtcCompiler.Instance.Compile(spec, out var ptx);
        var sass = Disassemble(kernel);
        return new KernelInspection
        {
            Spec = spec,
            Kernel = kernel,
            Ptx = Encoding.UTF8.GetString(ptx.AsSpan().TrimEnd((byte)0)),
            Sass = sass,
            Instructions = Count(sass),
        };
    }

    /// <summary>The same, and how a launch fills a device.</summary>
    /// <param name="spec">The kernel, for the architecture of the device.</param>
    /// <param name="device">A CUDA device.</param>
    /// <param name="launch">Grid, block and shared memory.</param>
    /// <exception cref="ArgumentException">The specification names no entry, or two; or the device is the CPU.</exception>
    /// <exception cref="CudaException">The kernel is for another architecture, or the driver fails.</exception>
    /// <exception cref="KernelCompilationException">The source does not compile.</exception>
    /// <exception cref="NativeLibraryNotFoundException">Driver or compiler is not on this machine.</exception>
    public static KernelInspection Describe(KernelSpec spec, Device device, in LaunchConfig launch)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var cuda = CudaDevice.Get(device);
        CudaArchitecture.RequireRunsOn(spec.Architecture, cuda, spec.Name);
        var inspection = Describe(spec);
        var loaded = LoadedKernel.Load(inspection.Kernel);
        using (loaded.Library)
        {
            var blocks = loaded.Kernel.GetMaxActiveBlocks(
                device,
                checked((int)launch.Block.Count),
                launch.DynamicSharedBytes
            );
            var atOnce = (double)blocks * cuda.MultiprocessorCount;
            return inspection with
            {
                BlocksPerMultiprocessor = blocks,
                Waves = atOnce == 0 ? 0 : launch.Grid.Count / atOnce,
            };
        }
    }

    private static string Disassemble(CompiledKernel kernel)
    {
        if (Disassembler.Find(NvrtcCompiler.Instance.LibraryPath) is not { } tool)
            return "";
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, kernel.Cubin.Span);
            return Disassembler.Run(tool, path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static SortedDictionary<string, int> Count(string sass)
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var match in Instruction().EnumerateMatches(sass))
        {
            var text = sass.AsSpan(match.Index, match.Length);
            var name = text[(text.LastIndexOf(' ') + 1)..].ToString();
            counts[name] = counts.GetValueOrDefault(name) + 1;
        }
        return counts;
    }

    // An address in comment signs, perhaps a predicate, and the mnemonic up to its first dot.
    [GeneratedRegex(
        @"(?<=^\s+)/\*[0-9a-f]+\*/\s+(@!?U?P\w+ +)?[A-Z][A-Z0-9]*(?=[ .;])",
        RegexOptions.Multiline | RegexOptions.CultureInvariant
    )]
    private static partial Regex Instruction();
}
