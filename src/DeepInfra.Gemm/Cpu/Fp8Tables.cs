// SPDX-License-Identifier: MIT

namespace DeepInfra.Gemm.Cpu;

/// <summary>E4M3 codes as BFloat16 halves and as binary32; every E4M3 value is exact in both.</summary>
internal static unsafe class Fp8Tables
{
    private static readonly byte[] s_bytes = GC.AllocateUninitializedArray<byte>(256, pinned: true);

    private static readonly float[] s_values = GC.AllocateUninitializedArray<float>(
        256,
        pinned: true
    );

    /// <summary>128 upper bytes of the BFloat16 values of the codes without sign, then 128 lower bytes.</summary>
    public static readonly byte* Halves = Build();

    /// <summary>The values of all 256 codes.</summary>
    public static readonly float* Values = BuildValues();

    private static byte* Build()
    {
        for (var code = 0; code < 128; code++)
        {
            var bits = BitConverter.SingleToUInt32Bits(Value(code));
            s_bytes[code] = (byte)(bits >> 24);
            s_bytes[128 + code] = (byte)(bits >> 16);
        }
        return (byte*)
            System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(s_bytes, 0);
    }

    private static float* BuildValues()
    {
        for (var code = 0; code < 256; code++)
            s_values[code] = code < 128 ? Value(code) : -Value(code & 0x7F);
        return (float*)
            System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(s_values, 0);
    }

    private static float Value(int magnitude)
    {
        if (magnitude == 0x7F)
            return BitConverter.UInt32BitsToSingle(0x7FC0_0000);
        var exponent = magnitude >> 3;
        var mantissa = magnitude & 7;
        return exponent == 0
            ? mantissa * MathF.ScaleB(1, -9)
            : (8 + mantissa) * MathF.ScaleB(1, exponent - 10);
    }
}
