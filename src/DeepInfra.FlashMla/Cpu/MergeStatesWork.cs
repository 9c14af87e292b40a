// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Merges attention states row by row: one item is a run of rows.</summary>
internal readonly unsafe struct MergeStatesWork(
    AttentionState[] states,
    AttentionState target,
    long rows
) : ICpuWork
{
    public const int RowsPerItem = 32;

    public void Execute(int item, int worker)
    {
        var columns = (int)target.Out.Shape[-1];
        using var memory = KernelScratch.Rent(columns * 8L);
        var sum = (float*)memory.Pointer;
        var row = sum + columns;
        var end = Math.Min(rows, (item + 1L) * RowsPerItem);
        for (var i = (long)item * RowsPerItem; i < end; i++)
            MergeRow(i, columns, sum, row);
    }

    private void MergeRow(long index, int columns, float* sum, float* row)
    {
        var max = double.NegativeInfinity;
        foreach (var state in states)
        {
            var lse = Natural(state, index);
            if (!double.IsInfinity(lse))
                max = Math.Max(max, lse);
        }
        new Span<float>(sum, columns).Clear();
        double total = 0;
        foreach (var state in states)
        {
            var lse = Natural(state, index);
            // Empty rows are skipped, whatever their output holds.
            if (double.IsInfinity(lse))
                continue;
            var weight = Math.Exp(lse - max);
            total += weight;
            RowConvert.ToFloat(state.Out.DType, OutRow(state.Out, index), row, columns);
            for (var c = 0; c < columns; c++)
                sum[c] += (float)weight * row[c];
        }
        var empty = double.IsNegativeInfinity(max);
        if (!empty)
            for (var c = 0; c < columns; c++)
                sum[c] = (float)(sum[c] / total);
        RowConvert.FromFloat(target.Out.DType, sum, OutRow(target.Out, index), columns);
        var merged = empty ? double.PositiveInfinity : max + Math.Log(total);
        *Lse(target, index) = (float)(
            target.Base == LogSumExpBase.Two ? merged / SimdMath.Ln2 : merged
        );
    }

    private static double Natural(in AttentionState state, long index)
    {
        double lse = *Lse(state, index);
        return state.Base == LogSumExpBase.Two ? lse * SimdMath.Ln2 : lse;
    }

    private static byte* OutRow(Tensor output, long index)
    {
        long offset = 0;
        for (var d = output.Rank - 2; d >= 0; d--)
        {
            offset += index % output.Shape[d] * output.Strides[d];
            index /= output.Shape[d];
        }
        return (byte*)output.DataPointer + offset * DTypes.SizeInBytes(output.DType);
    }

    /// <summary>Decode states keep heads before tokens in the log-sum-exp.</summary>
    private static float* Lse(in AttentionState state, long index)
    {
        var shape = state.Out.Shape;
        var lse = state.LogSumExp;
        var head = index % shape[-2];
        index /= shape[-2];
        return shape.Rank == 3
            ? lse.DataPointer + index * lse.Strides[0] + head * lse.Strides[1]
            : lse.DataPointer
                + index / shape[1] * lse.Strides[0]
                + head * lse.Strides[1]
                + index % shape[1] * lse.Strides[2];
    }
}
