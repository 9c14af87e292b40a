// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>Decodes eight elements in order.</summary>
internal unsafe interface IDecoder256
{
    static abstract int ElementBytes { get; }

    static abstract Vector256<float> Decode8(byte* source);
}

/// <summary>E4M3 by arithmetic.</summary>
internal readonly unsafe struct Fp8Decoder256 : IDecoder256
{
    public static int ElementBytes => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Decode8(byte* source)
    {
        var codes = Avx2.ConvertToVector256Int32(source).AsUInt32();
        var magnitude = codes & Vector256.Create(0x7Fu);
        // As binary32 with the exponent field of E4M3 the value is 2^-120 of what it should be, subnormals included.
        var value = (magnitude << 20).AsSingle() * Vector256.Create(1.329227995784916e36f);
        var nan = Vector256.Equals(magnitude, Vector256.Create(0x7Fu));
        var bits = value.AsUInt32() | (nan & Vector256.Create(0x7FC0_0000u));
        return (bits | ((codes ^ magnitude) << 24)).AsSingle();
    }
}

/// <summary>BFloat16.</summary>
internal readonly unsafe struct BFloat16Decoder256 : IDecoder256
{
    public static int ElementBytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Decode8(byte* source) =>
        (Avx2.ConvertToVector256Int32((ushort*)source) << 16).AsSingle();
}
