// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

public static partial class ReferenceExpertParallel
{
    /// <summary>Low-latency dispatch: the source rank and token of each valid row, per rank and local expert.</summary>
    /// <param name="topkIdx">[T,K] of all ranks, index = rank.</param>
    /// <param name="experts">Number of experts E.</param>
    public static IReadOnlyList<
        IReadOnlyList<IReadOnlyList<(int Rank, int Token)>>
    > LowLatencyDispatch(IReadOnlyList<Tensor> topkIdx, int experts)
    {
        ArgumentNullException.ThrowIfNull(topkIdx);
        var localExperts = experts / topkIdx.Count;
        var result = new IReadOnlyList<IReadOnlyList<(int, int)>>[topkIdx.Count];
        for (var rank = 0; rank < topkIdx.Count; rank++)
        {
            var perExpert = new List<(int, int)>[localExperts];
            for (var local = 0; local < localExperts; local++)
            {
                perExpert[local] = [];
                for (var source = 0; source < topkIdx.Count; source++)
                for (var token = 0; token < topkIdx[source].Shape[0]; token++)
                for (var k = 0; k < topkIdx[source].Shape[1]; k++)
                    if (ReadIndex(topkIdx[source], token, k) == rank * localExperts + local)
                        perExpert[local].Add((source, token));
            }
            result[rank] = perExpert;
        }
        return result;
    }

    /// <summary>
    /// The FP8 cast of a low-latency dispatch: per 128 channels amax = max(1e-4, max |x|), scale = amax · (1/448),
    /// code = e4m3(x · (448 / amax)), to nearest, ties to even, saturating; with powers of two the scale is
    /// rounded up to 2^e and the factor is 2^-e. All in Float32.
    /// </summary>
    /// <param name="row">A row, a multiple of 128 channels.</param>
    /// <param name="powerOfTwo">Whether scales are powers of two.</param>
    /// <returns>Codes and one scale per 128 channels.</returns>
    public static (Float8E4M3[] Codes, float[] Scales) QuantizeRow(
        ReadOnlySpan<BFloat16> row,
        bool powerOfTwo
    )
    {
        if (row.Length % 128 != 0)
            throw new ArgumentException(
                $"row: expected a multiple of 128 channels, got {row.Length}",
                nameof(row)
            );
        var codes = new Float8E4M3[row.Length];
        var scales = new float[row.Length / 128];
        for (var group = 0; group < scales.Length; group++)
        {
            var amax = 1e-4f;
            foreach (var value in row.Slice(group * 128, 128))
                amax = Math.Max(amax, Math.Abs((float)value));
            scales[group] = amax * (1f / 448f);
            var factor = 448f / amax;
            if (powerOfTwo)
            {
                var bits = BitConverter.SingleToUInt32Bits(scales[group]);
                var exponent = (int)(bits >> 23) - 127 + ((bits & 0x7FFFFF) != 0 ? 1 : 0);
                scales[group] = MathF.ScaleB(1, exponent);
                factor = MathF.ScaleB(1, -exponent);
            }
            for (var i = group * 128; i < (group + 1) * 128; i++)
                codes[i] = Float8E4M3.FromSingle((float)row[i] * factor);
        }
        return (codes, scales);
    }

    /// <summary>Low-latency combine: out[t] = Σ_k weight[t,k] · row of expert k, fused multiply-adds in Float32 by ascending k, rounded once.</summary>
    /// <param name="expertRows">[L, R·M, H] of all ranks, rows in the order of <see cref="LowLatencyDispatch"/>.</param>
    /// <param name="topkIdx">[T,K] of all ranks.</param>
    /// <param name="topkWeights">[T,K] of all ranks.</param>
    /// <param name="experts">Number of experts E.</param>
    public static IReadOnlyList<Tensor<BFloat16>> LowLatencyCombine(
        IReadOnlyList<Tensor<BFloat16>> expertRows,
        IReadOnlyList<Tensor> topkIdx,
        IReadOnlyList<Tensor<float>> topkWeights,
        int experts
    )
    {
        ArgumentNullException.ThrowIfNull(expertRows);
        ArgumentNullException.ThrowIfNull(topkIdx);
        ArgumentNullException.ThrowIfNull(topkWeights);
        var layout = LowLatencyDispatch(topkIdx, experts);
        var localExperts = experts / topkIdx.Count;
        var results = new Tensor<BFloat16>[topkIdx.Count];
        for (var home = 0; home < results.Length; home++)
        {
            var (tokens, hidden) = (topkIdx[home].Shape[0], expertRows[home].Shape[2]);
            results[home] = Tensor<BFloat16>.Create([tokens, hidden]);
            for (var token = 0; token < tokens; token++)
            {
                var sums = new float[hidden];
                for (var k = 0; k < topkIdx[home].Shape[1]; k++)
                {
                    var expert = (int)ReadIndex(topkIdx[home], token, k);
                    if (expert < 0)
                        continue;
                    var (rank, local) = (expert / localExperts, expert % localExperts);
                    var row = layout[rank][local].IndexOf((home, token));
                    var weight = topkWeights[home][token, k];
                    for (var channel = 0; channel < hidden; channel++)
                        sums[channel] = MathF.FusedMultiplyAdd(
                            (float)expertRows[rank][local, row, channel],
                            weight,
                            sums[channel]
                        );
                }
                for (var channel = 0; channel < hidden; channel++)
                    results[home][token, channel] = (BFloat16)sums[channel];
            }
        }
        return results;
    }

    private static int IndexOf(
        this IReadOnlyList<(int Rank, int Token)> sources,
        (int Rank, int Token) wanted
    )
    {
        for (var row = 0; row < sources.Count; row++)
            if (sources[row] == wanted)
                return row;
        return -1;
    }
}
