// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Ep.Cpu;

/// <summary>
/// out = round(Σ weight · row): fused multiply-adds in Float32 in the order given, starting from +0, one rounding
/// to BFloat16. Every tier gives the same bits.
/// </summary>
internal static unsafe class WeightedRowSum
{
    /// <summary>Sums BFloat16 rows.</summary>
    public static void Sum(
        SimdTier tier,
        ushort* target,
        ushort** rows,
        float* weights,
        int count,
        int hidden
    )
    {
        var i = 0;
        if (tier >= SimdTier.V512)
            i = SumPairs<PairSimd512, Vector512<float>, Vector512<uint>>(
                i,
                target,
                rows,
                weights,
                count,
                hidden
            );
        if (tier >= SimdTier.V256)
            i = SumPairs<PairSimd256, Vector256<float>, Vector256<uint>>(
                i,
                target,
                rows,
                weights,
                count,
                hidden
            );
        if (tier >= SimdTier.V128)
            i = SumPairs<PairSimd128, Vector128<float>, Vector128<uint>>(
                i,
                target,
                rows,
                weights,
                count,
                hidden
            );
        for (; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum = MathF.FusedMultiplyAdd(
                    (float)BFloat16.FromBits(rows[row][i]),
                    weights[row],
                    sum
                );
            target[i] = ((BFloat16)sum).Bits;
        }
    }

    /// <summary>Adds one weighted Float32 row to running sums.</summary>
    public static void Add(SimdTier tier, float* sums, float* row, float weight, int hidden)
    {
        var i = 0;
        if (tier >= SimdTier.V512)
            i = AddFloats<PairSimd512, Vector512<float>, Vector512<uint>>(
                i,
                sums,
                row,
                weight,
                hidden
            );
        if (tier >= SimdTier.V256)
            i = AddFloats<PairSimd256, Vector256<float>, Vector256<uint>>(
                i,
                sums,
                row,
                weight,
                hidden
            );
        for (; i < hidden; i++)
            sums[i] = MathF.FusedMultiplyAdd(row[i], weight, sums[i]);
    }

    private static int SumPairs<TSimd, VF, VP>(
        int i,
        ushort* target,
        ushort** rows,
        float* weights,
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
                var weight = TSimd.Create(weights[row]);
                even = TSimd.FusedMultiplyAdd(TSimd.Even(pairs), weight, even);
                odd = TSimd.FusedMultiplyAdd(TSimd.Odd(pairs), weight, odd);
            }
            TSimd.Store(TSimd.Round(even, odd), target + i);
        }
        return i;
    }

    private static int AddFloats<TSimd, VF, VP>(
        int i,
        float* sums,
        float* row,
        float weight,
        int hidden
    )
        where TSimd : struct, IPairSimd<VF, VP>
        where VF : struct
        where VP : struct
    {
        var factor = TSimd.Create(weight);
        for (; i <= hidden - TSimd.Count; i += TSimd.Count)
            TSimd.Store(
                TSimd.FusedMultiplyAdd(TSimd.Load(row + i), factor, TSimd.Load(sums + i)),
                sums + i
            );
        return i;
    }
}
