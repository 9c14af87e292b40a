// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Gradients of attention, after FlashAttention-2: one item is (request, KV head). For each key tile it walks over the
/// query heads of the group and their query tiles, recomputes the probabilities from the log-sum-exp, and
/// accumulates dV, dK and dQ. All sums have a fixed order, so results are deterministic.
/// </summary>
/// <remarks>
/// With x = scale·q·k and P = exp(x - lse): dV = Pᵀ·dO, dP = dO·Vᵀ, dS = P∘(dP - D)·scale with D = rowsum(dO∘O),
/// dQ = dS·K, dK = dSᵀ·Q.
/// </remarks>
internal unsafe struct PrefillBackwardWork<TSimd, TVector> : ICpuWork
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int Tile = PrefillArguments.Tile;
    private const int ScoreStride = PrefillArguments.ScoreStride;

    public PrefillArguments Arguments;
    public HeadRows GradOut;
    public HeadRows GradQuery;
    public HeadRows GradKey;
    public HeadRows GradValue;

    public readonly int ItemCount => checked(Arguments.Batch * Arguments.KvHeads);

    public readonly void Execute(int item, int worker)
    {
        var kvHead = item % Arguments.KvHeads;
        var request = item / Arguments.KvHeads;
        var queryStart = Arguments.QueryOffsets[request];
        var queryLength = Arguments.QueryOffsets[request + 1] - queryStart;
        var keyStart = Arguments.KeyOffsets[request];
        var keyLength = Arguments.KeyOffsets[request + 1] - keyStart;
        var b = new BackwardBuffers(Arguments, queryLength);

        var queryRows = (long)Arguments.GroupSize * b.PaddedQueries;
        for (long row = 0; row < queryRows; row++)
            new Span<float>(b.GradQuery + row * b.HeadStride, b.HeadStride).Clear();
        for (var g = 0; g < Arguments.GroupSize; g++)
            PrepareRows(b, queryStart, queryLength, kvHead * Arguments.GroupSize + g, g);

        for (var start = 0; start < keyLength; start += Tile)
        {
            var keys = Math.Min(Tile, keyLength - start);
            LoadKeys(b, keyStart + start, kvHead, keys);
            new Span<float>(b.GradKey, Tile * b.HeadStride).Clear();
            new Span<float>(b.GradValue, Tile * b.ValueStride).Clear();
            for (var g = 0; g < Arguments.GroupSize; g++)
            for (var first = 0; first < queryLength; first += Tile)
            {
                var queries = Math.Min(Tile, queryLength - first);
                // The last query sees most: if it sees nothing of this tile, no query does.
                var limits = new RowLimits(Arguments, first, start, keys, queryLength, keyLength);
                if (limits.Of(queries - 1) > 0)
                    AddTile(b, queryStart, kvHead, g, first, queries, keys, limits);
            }
            for (var j = 0; j < keys; j++)
            {
                GradKey.Write(
                    keyStart + start + j,
                    kvHead,
                    b.GradKey + j * b.HeadStride,
                    Arguments.HeadDim
                );
                GradValue.Write(
                    keyStart + start + j,
                    kvHead,
                    b.GradValue + j * b.ValueStride,
                    Arguments.ValueDim
                );
            }
        }
        for (var g = 0; g < Arguments.GroupSize; g++)
        for (var i = 0; i < queryLength; i++)
            GradQuery.Write(
                queryStart + i,
                kvHead * Arguments.GroupSize + g,
                b.GradQuery + ((long)g * b.PaddedQueries + i) * b.HeadStride,
                Arguments.HeadDim
            );
    }

    private readonly void AddTile(
        in BackwardBuffers b,
        int queryStart,
        int kvHead,
        int g,
        int first,
        int queries,
        int keys,
        in RowLimits limits
    )
    {
        var head = kvHead * Arguments.GroupSize + g;
        var padded = PrefillArguments.RoundUp(queries, 4);
        var keyColumns = PrefillArguments.RoundUp(keys, 32);
        Arguments.Query.ReadTile(
            queryStart + first,
            head,
            queries,
            Arguments.HeadDim,
            b.Query,
            b.HeadRow,
            padded
        );
        GradOut.ReadTile(
            queryStart + first,
            head,
            queries,
            Arguments.ValueDim,
            b.GradOut,
            b.ValueRow,
            padded
        );
        MaskedProducts<TSimd, TVector>.Scores(
            b.Query,
            b.HeadRow,
            b.KeyPanels,
            b.HeadStride,
            b.Probabilities,
            ScoreStride,
            queries,
            keyColumns,
            limits
        );
        MaskedProducts<TSimd, TVector>.Scores(
            b.GradOut,
            b.ValueRow,
            b.ValuePanels,
            b.ValueStride,
            b.GradScores,
            ScoreStride,
            queries,
            keyColumns,
            limits
        );
        for (var i = 0; i < padded; i++)
        {
            var row = (long)g * b.PaddedQueries + first + i;
            SoftmaxGradient(
                b.Probabilities + i * ScoreStride,
                b.GradScores + i * ScoreStride,
                i < queries ? limits.Of(i) : 0,
                keyColumns,
                b.LogSumExp[row],
                b.Delta[row]
            );
        }
        MaskedProducts<TSimd, TVector>.AddColumns(
            b.Probabilities,
            ScoreStride,
            b.GradOut,
            b.ValueRow,
            b.GradValue,
            b.ValueStride,
            queries,
            b.ValueStride,
            keys,
            limits
        );
        MaskedProducts<TSimd, TVector>.AddColumns(
            b.GradScores,
            ScoreStride,
            b.Query,
            b.HeadRow,
            b.GradKey,
            b.HeadStride,
            queries,
            b.HeadStride,
            keys,
            limits
        );
        MaskedProducts<TSimd, TVector>.AddRows(
            b.GradScores,
            ScoreStride,
            b.KeyRows,
            b.HeadRow,
            b.GradQuery + ((long)g * b.PaddedQueries + first) * b.HeadStride,
            b.HeadStride,
            queries,
            b.HeadStride,
            keys,
            limits
        );
    }

    /// <summary>Replaces scores by probabilities and dP by dS; both become 0 where the row sees no key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void SoftmaxGradient(
        float* scores,
        float* gradients,
        int visible,
        int width,
        float lse2,
        float delta
    )
    {
        if (visible > 0)
        {
            var scale2 = TSimd.Broadcast((float)(Arguments.Scale * SimdMath.Log2E));
            var scale = TSimd.Broadcast(Arguments.Scale);
            var shift = TSimd.Broadcast(lse2);
            var d = TSimd.Broadcast(delta);
            for (var i = 0; i < visible; i += TSimd.Count)
            {
                var x = TSimd.Subtract(TSimd.Multiply(TSimd.Load(scores + i), scale2), shift);
                var p = SimdMath.Exp2<TSimd, TVector>(x);
                TSimd.Store(p, scores + i);
                var grad = TSimd.Subtract(TSimd.Load(gradients + i), d);
                TSimd.Store(TSimd.Multiply(TSimd.Multiply(p, grad), scale), gradients + i);
            }
        }
        new Span<float>(scores + visible, width - visible).Clear();
        new Span<float>(gradients + visible, width - visible).Clear();
    }

    /// <summary>Per query: D = dO·O and the log-sum-exp in log2 units.</summary>
    private readonly void PrepareRows(
        in BackwardBuffers b,
        int queryStart,
        int queryLength,
        int head,
        int g
    )
    {
        var factor = Arguments.Base == LogSumExpBase.Two ? 1 : SimdMath.Log2E;
        for (var i = 0; i < queryLength; i++)
        {
            var row = (long)g * b.PaddedQueries + i;
            Arguments.Out.Read(queryStart + i, head, b.Query, Arguments.ValueDim);
            GradOut.Read(queryStart + i, head, b.GradOut, Arguments.ValueDim);
            float sum = 0;
            for (var c = 0; c < Arguments.ValueDim; c++)
                sum += b.Query[c] * b.GradOut[c];
            b.Delta[row] = sum;
            b.LogSumExp[row] = (float)(
                Arguments.LogSumExp[
                    (queryStart + i) * Arguments.LseTokenStride + head * Arguments.LseHeadStride
                ] * factor
            );
        }
    }

    private readonly void LoadKeys(in BackwardBuffers b, int token, int kvHead, int keys)
    {
        Arguments.Value.ReadTile(
            token,
            kvHead,
            keys,
            Arguments.ValueDim,
            b.KeyRows,
            b.ValueRow,
            Tile
        );
        Panels.Transpose(b.KeyRows, b.ValueRow, Tile, b.ValueStride, b.ValuePanels, TSimd.Count);
        Arguments.Key.ReadTile(token, kvHead, keys, Arguments.HeadDim, b.KeyRows, b.HeadRow, Tile);
        Panels.Transpose(b.KeyRows, b.HeadRow, Tile, b.HeadStride, b.KeyPanels, TSimd.Count);
    }
}
