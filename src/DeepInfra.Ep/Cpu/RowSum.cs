// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Ep.Cpu;

/// <summary>
/// Sums rows element by element in Float32, in the order given, starting from +0, and rounds once to the rows'
/// type (to nearest, ties to even; NaN becomes the canonical NaN in BFloat16). Every tier gives the same bits.
/// </summary>
internal static unsafe class RowSum
{
    /// <summary>True if rows of the type can be summed.</summary>
    public static bool Supports(DType type) =>
        type is DType.BFloat16 or DType.Float32 or DType.Float16;

    /// <summary>
    /// Sums <paramref name="count"/> rows; none gives zeros. Rows must not overlap the target. With
    /// <paramref name="stream"/> the sums may be written past the caches: call <see cref="RowCopy.Fence"/> before
    /// signalling.
    /// </summary>
    public static void Sum(
        DType type,
        SimdTier tier,
        byte* target,
        byte** rows,
        int count,
        int hidden,
        bool stream = false
    )
    {
        switch (type)
        {
            case DType.BFloat16:
                SumBFloat16(tier, (ushort*)target, (ushort**)rows, count, hidden, stream);
                break;
            case DType.Float32:
                SumFloat32(tier, (float*)target, (float**)rows, count, hidden);
                break;
            default:
                SumFloat16((Half*)target, (Half**)rows, count, hidden);
                break;
        }
    }

    private static void SumBFloat16(
        SimdTier tier,
        ushort* target,
        ushort** rows,
        int count,
        int hidden,
        bool stream
    )
    {
        var i = stream ? StreamingRowSum.Sum(tier, target, rows, count, hidden) : 0;
        if (tier >= SimdTier.V512)
        {
            for (; i <= hidden - 32; i += 32)
            {
                var even = Vector512<float>.Zero;
                var odd = Vector512<float>.Zero;
                for (var row = 0; row < count; row++)
                {
                    var pairs = Vector512.Load((uint*)(rows[row] + i));
                    even += BFloat16Pairs.Even(pairs);
                    odd += BFloat16Pairs.Odd(pairs);
                }
                BFloat16Pairs.Round(even, odd).Store((uint*)(target + i));
            }
        }
        if (tier >= SimdTier.V256)
        {
            for (; i <= hidden - 16; i += 16)
            {
                var even = Vector256<float>.Zero;
                var odd = Vector256<float>.Zero;
                for (var row = 0; row < count; row++)
                {
                    var pairs = Vector256.Load((uint*)(rows[row] + i));
                    even += BFloat16Pairs.Even(pairs);
                    odd += BFloat16Pairs.Odd(pairs);
                }
                BFloat16Pairs.Round(even, odd).Store((uint*)(target + i));
            }
        }
        if (tier >= SimdTier.V128)
        {
            for (; i <= hidden - 8; i += 8)
            {
                var even = Vector128<float>.Zero;
                var odd = Vector128<float>.Zero;
                for (var row = 0; row < count; row++)
                {
                    var pairs = Vector128.Load((uint*)(rows[row] + i));
                    even += BFloat16Pairs.Even(pairs);
                    odd += BFloat16Pairs.Odd(pairs);
                }
                BFloat16Pairs.Round(even, odd).Store((uint*)(target + i));
            }
        }
        for (; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += (float)BFloat16.FromBits(rows[row][i]);
            target[i] = ((BFloat16)sum).Bits;
        }
    }

    private static void SumFloat32(
        SimdTier tier,
        float* target,
        float** rows,
        int count,
        int hidden
    )
    {
        var i = 0;
        if (tier >= SimdTier.V512)
        {
            for (; i <= hidden - 16; i += 16)
            {
                var sum = Vector512<float>.Zero;
                for (var row = 0; row < count; row++)
                    sum += Vector512.Load(rows[row] + i);
                sum.Store(target + i);
            }
        }
        if (tier >= SimdTier.V256)
        {
            for (; i <= hidden - 8; i += 8)
            {
                var sum = Vector256<float>.Zero;
                for (var row = 0; row < count; row++)
                    sum += Vector256.Load(rows[row] + i);
                sum.Store(target + i);
            }
        }
        if (tier >= SimdTier.V128)
        {
            for (; i <= hidden - 4; i += 4)
            {
                var sum = Vector128<float>.Zero;
                for (var row = 0; row < count; row++)
                    sum += Vector128.Load(rows[row] + i);
                sum.Store(target + i);
            }
        }
        for (; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += rows[row][i];
            target[i] = sum;
        }
    }

    private static void SumFloat16(Half* target, Half** rows, int count, int hidden)
    {
        for (var i = 0; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += (float)rows[row][i];
            target[i] = (Half)sum;
        }
    }
}
