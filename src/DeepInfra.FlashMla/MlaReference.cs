// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>
/// The operations of this package written for clarity in float64, one sum after another: what the kernels are tested
/// against. Slow. Arguments have the meaning they have in <see cref="MlaAttention"/> but are hardly checked. Thread-safe.
/// </summary>
public static partial class MlaReference
{
    /// <summary>
    /// Attention of one query over visible keys: <c>x_j = scale·(q·k_j)</c>, <c>m = max x</c>, <c>L = Σ exp(x_j - m)</c>,
    /// <c>out = Σ exp(x_j - m)·v_j / L</c>, <c>lse = m + ln L</c>. Without a key (or with all logits at -infinity) out is 0 and lse +infinity.
    /// </summary>
    /// <param name="q">The query.</param>
    /// <param name="keys">The visible keys.</param>
    /// <param name="values">Their values; may be longer than <paramref name="output"/>.</param>
    /// <param name="scale">Softmax scale.</param>
    /// <param name="output">Receives the result.</param>
    /// <returns>The natural log-sum-exp.</returns>
    public static double Attend(
        double[] q,
        IReadOnlyList<double[]> keys,
        IReadOnlyList<double[]> values,
        double scale,
        Span<double> output
    )
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        output.Clear();
        var max = double.NegativeInfinity;
        var logits = new double[keys.Count];
        for (var j = 0; j < keys.Count; j++)
        {
            logits[j] = scale * ReferenceRows.Dot(q, keys[j]);
            max = Math.Max(max, logits[j]);
        }
        if (double.IsNegativeInfinity(max))
            return double.PositiveInfinity;
        double sum = 0;
        for (var j = 0; j < keys.Count; j++)
        {
            var p = Math.Exp(logits[j] - max);
            sum += p;
            for (var c = 0; c < output.Length; c++)
                output[c] += p * values[j][c];
        }
        for (var c = 0; c < output.Length; c++)
            output[c] /= sum;
        return max + Math.Log(sum);
    }

    /// <summary>Dense decode over a paged cache in any format.</summary>
    /// <param name="q">Queries <c>[b, s, h, D]</c>.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="blockTable">Int32 <c>[b, blocks]</c>.</param>
    /// <param name="cacheSeqlens">Int32 <c>[b]</c>.</param>
    /// <param name="valueDim">Columns of the keys that are the values.</param>
    /// <param name="scale">Softmax scale.</param>
    /// <param name="causal">Query token s of S sees keys before <c>length - (S - 1 - s)</c>.</param>
    /// <returns>Float64 <c>[b, s, h, Dv]</c> and natural log-sum-exp <c>[b, h, s]</c>, +infinity for rows without keys.</returns>
    public static (Tensor<double> Out, Tensor<double> LogSumExp) Decode(
        Tensor q,
        KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        int valueDim,
        double scale,
        bool causal
    )
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(blockTable);
        ArgumentNullException.ThrowIfNull(cacheSeqlens);
        var (batch, tokens, heads) = (q.Shape[0], q.Shape[1], q.Shape[2]);
        var output = Tensor<double>.Create([batch, tokens, heads, valueDim]);
        var lse = Tensor<double>.Create([batch, heads, tokens]);
        var group = heads / cache.KvHeads;
        for (long b = 0; b < batch; b++)
        for (var kvHead = 0; kvHead < cache.KvHeads; kvHead++)
        {
            var length = cacheSeqlens[b];
            var keys = new List<double[]>(length);
            for (var j = 0; j < length; j++)
                keys.Add(
                    ReferenceRows.CacheRow(
                        cache,
                        blockTable[b, j / cache.PageSize],
                        j % cache.PageSize,
                        kvHead
                    )
                );
            for (long s = 0; s < tokens; s++)
            {
                var visible = causal ? Math.Max(0, length - (tokens - 1 - s)) : length;
                var seen = keys.GetRange(0, (int)visible);
                for (var head = kvHead * group; head < (kvHead + 1) * group; head++)
                    lse[b, head, s] = Attend(
                        ReferenceRows.Row(q, b, s, head),
                        seen,
                        seen,
                        scale,
                        output.AsView().Row(b, s, head)
                    );
            }
        }
        return (output, lse);
    }

    /// <summary>Dense prefill of packed sequences.</summary>
    /// <param name="q">Queries <c>[Tq, h, D]</c>.</param>
    /// <param name="k">Keys <c>[Tk, h_k, D]</c>.</param>
    /// <param name="v">Values <c>[Tk, h_k, Dv]</c>.</param>
    /// <param name="cuSeqlensQ">Int32 <c>[b+1]</c>.</param>
    /// <param name="cuSeqlensK">Int32 <c>[b+1]</c>.</param>
    /// <param name="causal">Query i sees keys <c>j &lt;= i + (length_k - length_q)</c>.</param>
    /// <param name="scale">Softmax scale.</param>
    /// <returns>Float64 <c>[Tq, h, Dv]</c> and natural log-sum-exp <c>[Tq, h]</c>.</returns>
    public static (Tensor<double> Out, Tensor<double> LogSumExp) PrefillDense(
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        bool causal,
        double scale
    )
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(v);
        var output = Tensor<double>.Create([q.Shape[0], q.Shape[1], v.Shape[2]]);
        var lse = Tensor<double>.Create([q.Shape[0], q.Shape[1]]);
        ForEachRow(
            q,
            k,
            v,
            cuSeqlensQ,
            cuSeqlensK,
            causal,
            (token, head, keys, values, _) =>
                lse[token, head] = Attend(
                    ReferenceRows.Row(q, token, head),
                    keys,
                    values,
                    scale,
                    output.AsView().Row(token, head)
                )
        );
        return (output, lse);
    }

    /// <summary>
    /// Gradients of dense prefill: with P the probabilities and dP = dO·v, dS = P·(dP - ΣP·dP)·scale; dq = Σ dS·k,
    /// dk = Σ dS·q, dv = Σ P·dO.
    /// </summary>
    /// <param name="gradOut">Gradient of the output <c>[Tq, h, Dv]</c>.</param>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="cuSeqlensQ">Int32 <c>[b+1]</c>.</param>
    /// <param name="cuSeqlensK">Int32 <c>[b+1]</c>.</param>
    /// <param name="causal">As in <see cref="PrefillDense"/>.</param>
    /// <param name="scale">Softmax scale.</param>
    /// <returns>Float64 gradients shaped like q, k and v.</returns>
    public static (
        Tensor<double> Query,
        Tensor<double> Key,
        Tensor<double> Value
    ) PrefillDenseBackward(
        Tensor gradOut,
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        bool causal,
        double scale
    )
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(k);
        ArgumentNullException.ThrowIfNull(v);
        var gradQuery = Tensor<double>.Create(q.Shape);
        var gradKey = Tensor<double>.Create(k.Shape);
        var gradValue = Tensor<double>.Create(v.Shape);
        var group = q.Shape[1] / k.Shape[1];
        ForEachRow(
            q,
            k,
            v,
            cuSeqlensQ,
            cuSeqlensK,
            causal,
            (token, head, keys, values, firstKey) =>
            {
                var query = ReferenceRows.Row(q, token, head);
                var grad = ReferenceRows.Row(gradOut, token, head);
                var output = new double[grad.Length];
                var lse = Attend(query, keys, values, scale, output);
                var delta = ReferenceRows.Dot(output, grad);
                var gq = gradQuery.AsView().Row(token, head);
                for (var j = 0; j < keys.Count; j++)
                {
                    var p = Math.Exp(scale * ReferenceRows.Dot(query, keys[j]) - lse);
                    var gradScore = p * (ReferenceRows.Dot(grad, values[j]) - delta) * scale;
                    var gk = gradKey.AsView().Row(firstKey + j, head / group);
                    var gv = gradValue.AsView().Row(firstKey + j, head / group);
                    for (var c = 0; c < query.Length; c++)
                    {
                        gq[c] += gradScore * keys[j][c];
                        gk[c] += gradScore * query[c];
                    }
                    for (var c = 0; c < grad.Length; c++)
                        gv[c] += p * grad[c];
                }
            }
        );
        return (gradQuery, gradKey, gradValue);
    }

    /// <summary>
    /// Merges results over disjoint key sets: <c>M = max lse</c>, <c>w_i = exp(lse_i - M)</c>, <c>out = Σ w_i·out_i / Σ w_i</c>,
    /// <c>lse = M + ln Σ w_i</c>. Either infinity means "no key"; if all are empty, out is 0 and lse +infinity. NaN propagates.
    /// </summary>
    /// <param name="outputs">Normalised rows.</param>
    /// <param name="logSumExps">Their natural log-sum-exps.</param>
    /// <param name="output">Receives the merged row.</param>
    /// <returns>The merged log-sum-exp.</returns>
    public static double Merge(
        IReadOnlyList<double[]> outputs,
        ReadOnlySpan<double> logSumExps,
        Span<double> output
    )
    {
        ArgumentNullException.ThrowIfNull(outputs);
        output.Clear();
        var max = double.NegativeInfinity;
        foreach (var lse in logSumExps)
            max = double.IsInfinity(lse) ? max : Math.Max(max, lse);
        if (double.IsNegativeInfinity(max))
            return double.PositiveInfinity;
        double sum = 0;
        for (var i = 0; i < outputs.Count; i++)
        {
            if (double.IsInfinity(logSumExps[i]))
                continue;
            var weight = Math.Exp(logSumExps[i] - max);
            sum += weight;
            for (var c = 0; c < output.Length; c++)
                output[c] += weight * outputs[i][c];
        }
        for (var c = 0; c < output.Length; c++)
            output[c] /= sum;
        return max + Math.Log(sum);
    }

    /// <summary>Decodes a slot of a cache in any format: <c>bf16(code · scale)</c> with one rounding for FP8 columns.</summary>
    /// <param name="cache">The cache.</param>
    /// <param name="block">Block number.</param>
    /// <param name="slot">Token in the block.</param>
    /// <param name="head">KV head.</param>
    public static double[] Dequantize(KvBlocks cache, int block, int slot, int head = 0) =>
        ReferenceRows.CacheRow(cache, block, slot, head);

    /// <summary>
    /// The scale of a tile of values with largest magnitude <paramref name="amax"/>: the smallest power of two at least
    /// max(amax/448, 1e-4), or max(amax/448, 1e-12) unrounded; NaN for NaN.
    /// </summary>
    /// <param name="amax">Largest magnitude of the tile.</param>
    /// <param name="format">Which scale.</param>
    public static float QuantizeScale(float amax, KvScaleFormat format)
    {
        if (float.IsNaN(amax))
            return float.NaN;
        if (format == KvScaleFormat.Float32)
            return Math.Max(amax / 448, 1e-12f);
        var target = Math.Max(amax / 448, 1e-4f);
        var scale = 1.0;
        while (scale < target)
            scale *= 2;
        while (scale / 2 >= target)
            scale /= 2;
        return (float)scale;
    }

    /// <summary>The FP8 E4M3 code nearest to a value, ties to the even code, saturating at ±448; NaN gives 0x7F.</summary>
    /// <param name="value">The value.</param>
    public static byte QuantizeCode(double value)
    {
        if (double.IsNaN(value))
            return 0x7F;
        var best = 0;
        for (var code = 0; code < 0x7F; code++)
        {
            var error = Math.Abs(ReferenceRows.DecodeE4M3((byte)code) - Math.Abs(value));
            var bestError = Math.Abs(ReferenceRows.DecodeE4M3((byte)best) - Math.Abs(value));
            if (error < bestError || (error == bestError && (code & 1) == 0))
                best = code;
        }
        return (byte)(best | (double.IsNegative(value) ? 0x80 : 0));
    }

    private static void ForEachRow(
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        bool causal,
        Action<long, long, List<double[]>, List<double[]>, long> body
    )
    {
        ArgumentNullException.ThrowIfNull(k);
        ArgumentNullException.ThrowIfNull(cuSeqlensQ);
        ArgumentNullException.ThrowIfNull(cuSeqlensK);
        var group = q.Shape[1] / k.Shape[1];
        for (long b = 0; b < cuSeqlensQ.Shape[0] - 1; b++)
        {
            var firstQuery = cuSeqlensQ[b];
            var queries = cuSeqlensQ[b + 1] - firstQuery;
            var firstKey = cuSeqlensK[b];
            var length = cuSeqlensK[b + 1] - firstKey;
            for (long head = 0; head < q.Shape[1]; head++)
            {
                var keys = new List<double[]>();
                var values = new List<double[]>();
                for (var j = 0; j < length; j++)
                {
                    keys.Add(ReferenceRows.Row(k, firstKey + j, head / group));
                    values.Add(ReferenceRows.Row(v, firstKey + j, head / group));
                }
                for (var i = 0; i < queries; i++)
                {
                    var visible = causal ? Math.Clamp(i + 1 + length - queries, 0, length) : length;
                    body(
                        firstQuery + i,
                        head,
                        keys.GetRange(0, visible),
                        values.GetRange(0, visible),
                        firstKey
                    );
                }
            }
        }
    }
}
