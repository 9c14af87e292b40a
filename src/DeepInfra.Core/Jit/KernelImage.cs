// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Jit;

/// <summary>Tells whether machine code is what its name says, from its first bytes.</summary>
internal static class KernelImage
{
    /// <summary>How the identity of the simulator's compiler begins; its machine code is a library of the host.</summary>
    public const string SimulatorCompiler = "cudasim ";

    private const int ElfHeaderBytes = 64;
    private const ushort MachineCuda = 190;

    // NVRTC writes the target into the head of the text.
    private const int PtxHeadBytes = 4096;

    /// <summary>Whether a compiler of the simulator made a kernel.</summary>
    public static bool IsOfSimulator(CompiledKernel kernel) =>
        kernel.Compiler.StartsWith(SimulatorCompiler, StringComparison.Ordinal);

    /// <summary>What is wrong with a kernel's machine code; null if nothing is. Never throws for malformed input.</summary>
    public static string? FindProblem(CompiledKernel kernel)
    {
        var image = kernel.Cubin.Span;
        if (CudaArchitecture.IsPtx(kernel.Architecture))
            return IsPtxFor(image, kernel.Architecture)
                ? null
                : $"no PTX for {kernel.Architecture}";
        if (image.Length < ElfHeaderBytes || !image.StartsWith("\u007fELF"u8))
            return "no ELF file";
        var machine = BinaryPrimitives.ReadUInt16LittleEndian(image[18..]);
        if (IsOfSimulator(kernel))
            return machine == MachineCuda ? "a cubin, where the simulator's code should be" : null;
        if (machine != MachineCuda)
            return $"an ELF file for machine {machine}, not a cubin";
        var found = ArchitectureOf(image);
        var expected = CudaArchitecture.NumberOf(kernel.Architecture);
        return found == expected ? null : $"a cubin for sm_{found}, not {kernel.Architecture}";
    }

    /// <summary>The number of the architecture in a cubin's header.</summary>
    /// <param name="cubin">At least the header.</param>
    public static int ArchitectureOf(ReadOnlySpan<byte> cubin)
    {
        // Since version 8 of the format the lowest byte of the flags is something else and the number has moved up.
        const int MovedSince = 8;
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(cubin[48..]);
        return (int)((cubin[8] >= MovedSince ? flags >> 8 : flags) & 0xFF);
    }

    private static bool IsPtxFor(ReadOnlySpan<byte> text, string architecture)
    {
        var head = Encoding.UTF8.GetString(text[..Math.Min(text.Length, PtxHeadBytes)]);
        var target = $".target sm_{architecture[CudaArchitecture.PtxPrefix.Length..]}";
        var at = head.IndexOf(target, StringComparison.Ordinal);
        var end = at + target.Length;
        return at >= 0
            && head.Contains(".version ", StringComparison.Ordinal)
            && (end == head.Length || !char.IsAsciiLetterOrDigit(head[end]));
    }
}
