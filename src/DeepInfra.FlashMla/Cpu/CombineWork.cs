// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Merges the partial rows of split requests: weights 2^(lse_i - M) over their sum, in the order of the splits, so
/// that the result does not depend on timing. One item is (request, KV head).
/// </summary>
internal unsafe struct CombineWork<TSimd, TVector> : ICpuWork
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public DecodeArguments Arguments;

    public readonly void Execute(int item, int worker)
    {
        var request = item / Arguments.KvHeads;
        var kvHead = item % Arguments.KvHeads;
        var splits = Arguments.SplitOffsets[request + 1] - Arguments.SplitOffsets[request];
        if (splits <= 1)
            return;
        using var memory = KernelScratch.Rent((long)Arguments.ValueDim * sizeof(float) + 64);
        var output = (float*)memory.Pointer;
        var step = (long)Arguments.QueryTokens * Arguments.QueryHeads;
        for (var row = 0; row < Arguments.Rows; row++)
        {
            var token = row / Arguments.GroupSize;
            var head = kvHead * Arguments.GroupSize + row % Arguments.GroupSize;
            var lse2 = Merge(
                Arguments.AccumulatorRow(request, 0, token, head),
                step,
                splits,
                output
            );
            Arguments.StoreFinal(request, token, head, output, lse2);
        }
    }

    private readonly double Merge(long first, long step, int splits, float* output)
    {
        new Span<float>(output, Arguments.ValueDim).Clear();
        var max = float.NegativeInfinity;
        for (var s = 0; s < splits; s++)
            max = MathF.Max(max, Arguments.LseAccumulator[first + s * step]);
        if (float.IsNegativeInfinity(max))
            return double.NegativeInfinity;
        double sum = 0;
        for (var s = 0; s < splits; s++)
            sum += Math.Pow(2, Arguments.LseAccumulator[first + s * step] - (double)max);
        for (var s = 0; s < splits; s++)
        {
            var lse = Arguments.LseAccumulator[first + s * step];
            if (float.IsNegativeInfinity(lse))
                continue;
            var weight = (float)(Math.Pow(2, lse - (double)max) / sum);
            AddScaled(
                Arguments.OutAccumulator + (first + s * step) * Arguments.ValueDim,
                weight,
                output,
                Arguments.ValueDim
            );
        }
        return max + Math.Log2(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(float* source, float weight, float* destination, int count)
    {
        var w = TSimd.Broadcast(weight);
        var i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
            TSimd.Store(
                TSimd.Fma(w, TSimd.Load(source + i), TSimd.Load(destination + i)),
                destination + i
            );
        for (; i < count; i++)
            destination[i] += weight * source[i];
    }
}
