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
        {
            for (; i <= hidden - 32; i += 32)
            {
                var even = Vector512<float>.Zero;
                var odd = Vector512<float>.Zero;
                for (var row = 0; row < count; row++)
                {
                    var pairs = Vector512.Load((uint*)(rows[row] + i));
                    var weight = Vector512.Create(weights[row]);
                    even = Vector512.FusedMultiplyAdd(BFloat16Pairs.Even(pairs), weight, even);
                    odd = Vector512.FusedMultiplyAdd(BFloat16Pairs.Odd(pairs), weight, odd);
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
                    var weight = Vector256.Create(weights[row]);
                    even = Vector256.FusedMultiplyAdd(BFloat16Pairs.Even(pairs), weight, even);
                    odd = Vector256.FusedMultiplyAdd(BFloat16Pairs.Odd(pairs), weight, odd);
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
                    var weight = Vector128.Create(weights[row]);
                    even = Vector128.FusedMultiplyAdd(BFloat16Pairs.Even(pairs), weight, even);
                    odd = Vector128.FusedMultiplyAdd(BFloat16Pairs.Odd(pairs), weight, odd);
                }
                BFloat16Pairs.Round(even, odd).Store((uint*)(target + i));
            }
        }
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
        {
            var factor = Vector512.Create(weight);
            for (; i <= hidden - 16; i += 16)
                Vector512
                    .FusedMultiplyAdd(Vector512.Load(row + i), factor, Vector512.Load(sums + i))
                    .Store(sums + i);
        }
        if (tier >= SimdTier.V256)
        {
            var factor = Vector256.Create(weight);
            for (; i <= hidden - 8; i += 8)
                Vector256
                    .FusedMultiplyAdd(Vector256.Load(row + i), factor, Vector256.Load(sums + i))
                    .Store(sums + i);
        }
        for (; i < hidden; i++)
            sums[i] = MathF.FusedMultiplyAdd(row[i], weight, sums[i]);
    }
}
