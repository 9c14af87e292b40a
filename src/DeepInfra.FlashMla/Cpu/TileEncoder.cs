// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;
using Wide128 = DeepInfra.Core.Numerics.Simd128;
using Wide256 = DeepInfra.Core.Numerics.Simd256;
using Wide512 = DeepInfra.Core.Numerics.Simd512;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Largest magnitude and FP8 E4M3 codes of a tile of columns. Every tier gives the same bits.</summary>
internal static unsafe class TileEncoder
{
    /// <summary>Largest magnitude of <paramref name="count"/> values (a multiple of 16); NaN if any value is NaN.</summary>
    public static float Amax(float* values, int count, SimdTier tier) =>
        BitConverter.UInt32BitsToSingle(
            tier switch
            {
                SimdTier.V512 => Amax<Wide512, Vector512<float>, Vector512<uint>>(values, count),
                SimdTier.V256 => Amax<Wide256, Vector256<float>, Vector256<uint>>(values, count),
                SimdTier.V128 => Amax<Wide128, Vector128<float>, Vector128<uint>>(values, count),
                _ => AmaxScalar(values, count),
            }
        );

    /// <summary>codes = e4m3(values / scale), nearest even, saturating; a NaN scale gives NaN codes.</summary>
    public static void Encode(float* values, byte* codes, int count, float scale, SimdTier tier)
    {
        switch (tier)
        {
            case SimdTier.V512:
                Encode<Wide512, Vector512<float>, Vector512<uint>>(values, codes, count, scale);
                break;
            case SimdTier.V256:
                Encode<Wide256, Vector256<float>, Vector256<uint>>(values, codes, count, scale);
                break;
            case SimdTier.V128:
                Encode<Wide128, Vector128<float>, Vector128<uint>>(values, codes, count, scale);
                break;
            default:
                for (var i = 0; i < count; i++)
                    codes[i] = ((Core.Float8E4M3)(values[i] / scale)).Bits;
                break;
        }
    }

    private static uint AmaxScalar(float* values, int count)
    {
        uint max = 0;
        for (var i = 0; i < count; i++)
            max = Math.Max(max, BitConverter.SingleToUInt32Bits(values[i]) & 0x7FFFFFFF);
        return max;
    }

    /// <summary>Magnitudes order like unsigned integers, NaN above infinity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint Amax<S, VF, VU>(float* values, int count)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
    {
        var mask = S.Create(0x7FFFFFFFu);
        var max = S.Create(0u);
        for (var i = 0; i < count; i += S.Count)
            max = S.Max(max, S.And(S.Load((uint*)values + i), mask));
        return S.MaxAcross(max);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Encode<S, VF, VU>(float* values, byte* codes, int count, float scale)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
    {
        var max = S.Create(0x7Eu);
        if ((BitConverter.SingleToUInt32Bits(scale) & 0x7FFFFF) == 0)
        {
            // The inverse of a power of two is exact: multiplying gives the bits that dividing would.
            var inverse = S.Create(1 / scale);
            for (var i = 0; i < count; i += S.Count)
                S.StoreBytes(
                    SimdCodec<S, VF, VU>.EncodeE4M3(S.Multiply(S.Load(values + i), inverse), max),
                    codes + i
                );
            return;
        }
        var divisor = S.Create(scale);
        for (var i = 0; i < count; i += S.Count)
            S.StoreBytes(
                SimdCodec<S, VF, VU>.EncodeE4M3(S.Divide(S.Load(values + i), divisor), max),
                codes + i
            );
    }
}
