// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Jit;

/// <summary>What a compiler made of a <see cref="KernelSpec"/>. Immutable.</summary>
public sealed class CompiledKernel
{
    /// <summary>The short name of the kernel.</summary>
    public required string Name { get; init; }

    /// <summary>The target, such as <c>sm_90a</c>; <c>compute_90</c> if the result is PTX that the driver finishes.</summary>
    public required string Architecture { get; init; }

    /// <summary>The machine code: a cubin, PTX with a terminating zero, or what the simulator takes for a cubin.</summary>
    public required ReadOnlyMemory<byte> Cubin { get; init; }

    /// <summary>The kernel's name in the machine code.</summary>
    public required string EntrySymbol { get; init; }

    /// <summary>Compiler and version.</summary>
    public required string Compiler { get; init; }

    /// <summary>What the compiler said: warnings, or nothing.</summary>
    public string Log { get; init; } = "";

    /// <summary>Milliseconds that compiling took.</summary>
    public double CompileMilliseconds { get; init; }

    /// <summary>32-bit registers of a thread; 0 if the machine code does not say.</summary>
    public int Registers { get; init; }

    /// <summary>Static shared memory of a block in bytes.</summary>
    public int StaticSharedBytes { get; init; }

    /// <summary>Stack frame of a thread in bytes: spilled registers and arrays that are indexed at run time.</summary>
    public int LocalBytes { get; init; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name} for {Architecture}: {Cubin.Length} bytes, {Registers} registers, {StaticSharedBytes} bytes shared, {LocalBytes} bytes local";
}
