// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla;

public static unsafe partial class MlaAttention
{
    /// <summary><see cref="PrefillDense"/> for queries, keys and values packed on the last axis. Makes views, no copies.</summary>
    /// <param name="qkv"><c>[T, h, 2·D + Dv]</c>: query, key, value.</param>
    /// <param name="headDim">D, elements of a query or key.</param>
    /// <param name="cuSeqlens">Int32 <c>[b+1]</c>: offsets of queries and keys.</param>
    /// <param name="maxLength">At least the longest sequence.</param>
    /// <param name="causal">As in <see cref="PrefillDense"/>.</param>
    /// <param name="softmaxScale">As in <see cref="PrefillDense"/>.</param>
    /// <param name="output">As in <see cref="PrefillDense"/>.</param>
    /// <param name="logSumExp">As in <see cref="PrefillDense"/>.</param>
    /// <param name="cpu">As in <see cref="PrefillDense"/>.</param>
    /// <exception cref="ArgumentException">The last axis is too short for headDim, or as in <see cref="PrefillDense"/>.</exception>
    public static AttentionState PrefillDensePackedQkv(
        Tensor qkv,
        int headDim,
        Tensor<int> cuSeqlens,
        int maxLength,
        bool causal,
        float? softmaxScale = null,
        Tensor? output = null,
        Tensor<float>? logSumExp = null,
        CpuBackendOptions? cpu = null
    )
    {
        var valueDim = PackedValueDim(qkv, 2L * headDim, headDim, nameof(qkv));
        return PrefillDense(
            qkv.AsSlice(2, 0, headDim),
            qkv.AsSlice(2, headDim, headDim),
            qkv.AsSlice(2, 2L * headDim, valueDim),
            cuSeqlens,
            cuSeqlens,
            maxLength,
            maxLength,
            causal,
            softmaxScale,
            output,
            logSumExp,
            cpu
        );
    }

    /// <summary><see cref="PrefillDense"/> for keys and values packed on the last axis. Makes views, no copies.</summary>
    /// <param name="q">Queries <c>[Tq, h, D]</c>.</param>
    /// <param name="kv"><c>[Tk, h_k, D + Dv]</c>: key, value.</param>
    /// <param name="cuSeqlensQ">As in <see cref="PrefillDense"/>.</param>
    /// <param name="cuSeqlensK">As in <see cref="PrefillDense"/>.</param>
    /// <param name="maxQ">As in <see cref="PrefillDense"/>.</param>
    /// <param name="maxK">As in <see cref="PrefillDense"/>.</param>
    /// <param name="causal">As in <see cref="PrefillDense"/>.</param>
    /// <param name="softmaxScale">As in <see cref="PrefillDense"/>.</param>
    /// <param name="output">As in <see cref="PrefillDense"/>.</param>
    /// <param name="logSumExp">As in <see cref="PrefillDense"/>.</param>
    /// <param name="cpu">As in <see cref="PrefillDense"/>.</param>
    /// <exception cref="ArgumentException">The last axis is too short for D, or as in <see cref="PrefillDense"/>.</exception>
    public static AttentionState PrefillDensePackedKv(
        Tensor q,
        Tensor kv,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        int maxQ,
        int maxK,
        bool causal,
        float? softmaxScale = null,
        Tensor? output = null,
        Tensor<float>? logSumExp = null,
        CpuBackendOptions? cpu = null
    )
    {
        ArgumentCheck.Alive(q);
        ArgumentCheck.Rank(q, 3, "[Tq, h, D]", nameof(q));
        var headDim = q.Shape[2];
        var valueDim = PackedValueDim(kv, headDim, headDim, nameof(kv));
        return PrefillDense(
            q,
            kv.AsSlice(2, 0, headDim),
            kv.AsSlice(2, headDim, valueDim),
            cuSeqlensQ,
            cuSeqlensK,
            maxQ,
            maxK,
            causal,
            softmaxScale,
            output,
            logSumExp,
            cpu
        );
    }

    private static long PackedValueDim(Tensor packed, long before, long headDim, string name)
    {
        ArgumentCheck.Alive(packed, name);
        ArgumentCheck.Rank(packed, 3, "[T, h, packed]", name);
        ArgumentOutOfRangeException.ThrowIfLessThan(headDim, 1);
        var valueDim = packed.Shape[2] - before;
        return valueDim >= 1
            ? valueDim
            : throw new ArgumentException(
                $"{name}: expected more than {before} columns for a head dimension of {headDim}, got {packed.Shape}",
                name
            );
    }
}
