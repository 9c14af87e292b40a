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
            i = AddPairs<PairSimd512, Vector512<float>, Vector512<uint>>(
                i,
                target,
                rows,
                count,
                hidden
            );
        if (tier >= SimdTier.V256)
            i = AddPairs<PairSimd256, Vector256<float>, Vector256<uint>>(
                i,
                target,
                rows,
                count,
                hidden
            );
        if (tier >= SimdTier.V128)
            i = AddPairs<PairSimd128, Vector128<float>, Vector128<uint>>(
                i,
                target,
                rows,
                count,
                hidden
            );
        for (; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += (float)BFloat16.FromBits(rows[row][i]);
            target[i] = ((BFloat16)sum).Bits;
        }
    }

    private static int AddPairs<TSimd, VF, VP>(
        int i,
        ushort* target,
        ushort** rows,
        int count,
        int hidden
    )
        where TSimd : struct, IPairSimd<VF, VP>
        where VF : struct
        where VP : struct
    {
        for (; i <= hidden - 2 * TSimd.Count; i += 2 * TSimd.Count)
        {
            var even = TSimd.Zero;
            var odd = TSimd.Zero;
            for (var row = 0; row < count; row++)
            {
                var pairs = TSimd.Load(rows[row] + i);
                even = TSimd.Add(even, TSimd.Even(pairs));
                odd = TSimd.Add(odd, TSimd.Odd(pairs));
            }
            TSimd.Store(TSimd.Round(even, odd), target + i);
        }
        return i;
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
            i = AddFloats<PairSimd512, Vector512<float>, Vector512<uint>>(
                i,
                target,
                rows,
                count,
                hidden
            );
        if (tier >= SimdTier.V256)
            i = AddFloats<PairSimd256, Vector256<float>, Vector256<uint>>(
                i,
                target,
                rows,
                count,
                hidden
            );
        if (tier >= SimdTier.V128)
            i = AddFloats<PairSimd128, Vector128<float>, Vector128<uint>>(
                i,
                target,
                rows,
                count,
                hidden
            );
        for (; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += rows[row][i];
            target[i] = sum;
        }
    }

    private static int AddFloats<TSimd, VF, VP>(
        int i,
        float* target,
        float** rows,
        int count,
        int hidden
    )
        where TSimd : struct, IPairSimd<VF, VP>
        where VF : struct
        where VP : struct
    {
        for (; i <= hidden - TSimd.Count; i += TSimd.Count)
        {
            var sum = TSimd.Zero;
            for (var row = 0; row < count; row++)
                sum = TSimd.Add(sum, TSimd.Load(rows[row] + i));
            TSimd.Store(sum, target + i);
        }
        return i;
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
