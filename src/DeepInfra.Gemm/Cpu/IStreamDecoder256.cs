// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Turns 32 elements into BFloat16 pairs as <see cref="IStreamDecoder512{TSelf}"/> does, up to a factor that is the same for all.
/// </summary>
internal unsafe interface IStreamDecoder256
{
    static abstract int ElementBytes { get; }

    /// <summary>What the decoded values are to be multiplied with.</summary>
    static abstract float Scale { get; }

    /// <summary>Decodes 32 elements.</summary>
    /// <param name="source">The elements.</param>
    /// <param name="first">Pairs.</param>
    /// <param name="second">Pairs.</param>
    /// <param name="nan">Becomes nonzero if there was a NaN that the pairs do not show.</param>
    static abstract void Decode(
        byte* source,
        out Vector256<uint> first,
        out Vector256<uint> second,
        ref Vector256<byte> nan
    );
}

/// <summary>
/// E4M3. A code in the upper byte of a 16-bit word, shifted right by four with its sign, is a BFloat16 with the exponent
/// field of E4M3: 2^-120 of the value, subnormals included. NaN codes look like 480.
/// </summary>
internal readonly unsafe struct Fp8StreamDecoder256 : IStreamDecoder256
{
    public static int ElementBytes => 1;

    public static float Scale => 1.329227995784916e36f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(
        byte* source,
        out Vector256<uint> first,
        out Vector256<uint> second,
        ref Vector256<byte> nan
    )
    {
        var codes = Vector256.Load(source);
        var largest = Vector256.Create((byte)0x7F);
        nan |= Vector256.Equals(codes & largest, largest);
        var bits = Vector256.Create((ushort)0x87F0).AsInt16();
        first = ((Avx2.UnpackLow(Vector256<byte>.Zero, codes).AsInt16() >> 4) & bits).AsUInt32();
        second = ((Avx2.UnpackHigh(Vector256<byte>.Zero, codes).AsInt16() >> 4) & bits).AsUInt32();
    }
}

/// <summary>BFloat16 as it lies in memory.</summary>
internal readonly unsafe struct BFloat16StreamDecoder256 : IStreamDecoder256
{
    public static int ElementBytes => 2;

    public static float Scale => 1f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(
        byte* source,
        out Vector256<uint> first,
        out Vector256<uint> second,
        ref Vector256<byte> nan
    )
    {
        first = Vector256.Load((uint*)source);
        second = Vector256.Load((uint*)(source + 32));
    }
}
