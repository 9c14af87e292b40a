// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Gradients of attention, after FlashAttention-2. For each key tile it walks over the query heads of the group and their
/// query tiles, recomputes the probabilities from the log-sum-exp, and accumulates dV, dK and dQ: one unit is (request, KV
/// head). Where that makes too few units for the threads or needs too much memory, one pass makes dK and dV per key tile and another dQ per query tile.
/// Every sum has the same order in both, so the result is the same to the bit.
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

    /// <summary>Which gradients this pass makes.</summary>
    public BackwardPass Pass;

    public readonly int ItemCount => Units.ItemCount;

    private readonly WorkUnits Units =>
        new(
            Pass switch
            {
                BackwardPass.Keys => Arguments.KeyTiles.Count,
                BackwardPass.Queries => Arguments.QueryTiles.Count,
                _ => (long)Arguments.Batch * Arguments.KvHeads,
            }
        );

    public readonly void Execute(int item, int worker)
    {
        var (unit, end) = Units[item];
        for (; unit < end; unit++)
        {
            switch (Pass)
            {
                case BackwardPass.Keys:
                    var (keyRequest, kvHead, keyTile) = Arguments.KeyTiles[unit];
                    RunKeyTile(keyRequest, kvHead, keyTile);
                    break;
                case BackwardPass.Queries:
                    var (request, head, tile) = Arguments.QueryTiles[unit];
                    RunQueryTile(request, head, tile);
                    break;
                default:
                    RunAll((int)(unit / Arguments.KvHeads), (int)(unit % Arguments.KvHeads));
                    break;
            }
        }
    }

    private readonly void RunAll(int index, int kvHead)
    {
        var request = new PrefillRequest(Arguments, index);
        using var b = new BackwardBuffers(Arguments, request.Queries, request.Queries);
        ClearGradQuery(b, (long)Arguments.GroupSize * b.PaddedQueries);
        PrepareGroup(b, request, kvHead);
        for (var start = 0; start < request.Keys; start += Tile)
            AddKeyTile(b, request, kvHead, start, gradQuery: true);
        for (var g = 0; g < Arguments.GroupSize; g++)
            StoreGradQuery(
                b,
                request.FirstQuery,
                kvHead * Arguments.GroupSize + g,
                (long)g * b.PaddedQueries,
                request.Queries
            );
    }

    private readonly void RunKeyTile(int index, int kvHead, int tile)
    {
        var request = new PrefillRequest(Arguments, index);
        using var b = new BackwardBuffers(Arguments, request.Queries, 0);
        PrepareGroup(b, request, kvHead);
        AddKeyTile(b, request, kvHead, tile * Tile, gradQuery: false);
    }

    private readonly void RunQueryTile(int index, int head, int tile)
    {
        var request = new PrefillRequest(Arguments, index);
        var first = tile * Tile;
        var queries = Math.Min(Tile, request.Queries - first);
        using var b = new BackwardBuffers(Arguments, queries, queries);
        ClearGradQuery(b, b.PaddedQueries);
        PrepareRows(b, request.FirstQuery + first, queries, head, 0);
        for (var start = 0; start < request.Keys; start += Tile)
        {
            var keys = Math.Min(Tile, request.Keys - start);
            var limits = new RowLimits(
                Arguments,
                first,
                start,
                keys,
                request.Queries,
                request.Keys
            );
            if (limits.Of(queries - 1) == 0)
                break;
            LoadKeys(b, request.FirstKey + start, head / Arguments.GroupSize, keys);
            LoadQueries(b, request.FirstQuery + first, head, queries);
            MakeScoreGradients(b, 0, queries, keys, limits);
            AddGradQuery(b, 0, queries, keys, limits);
        }
        StoreGradQuery(b, request.FirstQuery + first, head, 0, queries);
    }

    /// <summary>Gradients of one key tile; optionally adds its share to the query gradients.</summary>
    private readonly void AddKeyTile(
        in BackwardBuffers b,
        in PrefillRequest request,
        int kvHead,
        int start,
        bool gradQuery
    )
    {
        var keys = Math.Min(Tile, request.Keys - start);
        LoadKeys(b, request.FirstKey + start, kvHead, keys);
        new Span<float>(b.GradKey, Tile * b.HeadStride).Clear();
        new Span<float>(b.GradValue, Tile * b.ValueStride).Clear();
        for (var g = 0; g < Arguments.GroupSize; g++)
        for (var first = 0; first < request.Queries; first += Tile)
        {
            var queries = Math.Min(Tile, request.Queries - first);
            var limits = new RowLimits(
                Arguments,
                first,
                start,
                keys,
                request.Queries,
                request.Keys
            );
            // The last query sees most: if it sees nothing of this tile, no query does.
            if (limits.Of(queries - 1) == 0)
                continue;
            var row = (long)g * b.PaddedQueries + first;
            LoadQueries(b, request.FirstQuery + first, kvHead * Arguments.GroupSize + g, queries);
            MakeScoreGradients(b, row, queries, keys, limits);
            AddGradKeyAndValue(b, queries, keys, limits);
            if (gradQuery)
                AddGradQuery(b, row, queries, keys, limits);
        }
        for (var j = 0; j < keys; j++)
        {
            var token = request.FirstKey + start + j;
            GradKey.Write(token, kvHead, b.GradKey + j * b.HeadStride, Arguments.HeadDim);
            GradValue.Write(token, kvHead, b.GradValue + j * b.ValueStride, Arguments.ValueDim);
        }
    }

    private readonly void LoadQueries(in BackwardBuffers b, int token, int head, int queries)
    {
        var padded = PrefillArguments.RoundUp(queries, 4);
        Arguments.Query.ReadTile(
            token,
            head,
            queries,
            Arguments.HeadDim,
            b.Query,
            b.HeadRow,
            padded
        );
        GradOut.ReadTile(token, head, queries, Arguments.ValueDim, b.GradOut, b.ValueRow, padded);
    }

    /// <summary>P and dS of the loaded queries and keys; <paramref name="row"/> is where the queries' D and log-sum-exp start.</summary>
    private readonly void MakeScoreGradients(
        in BackwardBuffers b,
        long row,
        int queries,
        int keys,
        in RowLimits limits
    )
    {
        var keyColumns = PrefillArguments.RoundUp(keys, 32);
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
        for (var i = 0; i < PrefillArguments.RoundUp(queries, 4); i++)
            SoftmaxGradient(
                b.Probabilities + i * ScoreStride,
                b.GradScores + i * ScoreStride,
                i < queries ? limits.Of(i) : 0,
                keyColumns,
                b.LogSumExp[row + i],
                b.Delta[row + i]
            );
    }

    private static void AddGradKeyAndValue(
        in BackwardBuffers b,
        int queries,
        int keys,
        in RowLimits limits
    )
    {
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
    }

    private static void AddGradQuery(
        in BackwardBuffers b,
        long row,
        int queries,
        int keys,
        in RowLimits limits
    ) =>
        MaskedProducts<TSimd, TVector>.AddRows(
            b.GradScores,
            ScoreStride,
            b.KeyRows,
            b.HeadRow,
            b.GradQuery + row * b.HeadStride,
            b.HeadStride,
            queries,
            b.HeadStride,
            keys,
            limits
        );

    private static void ClearGradQuery(in BackwardBuffers b, long rows)
    {
        for (long row = 0; row < rows; row++)
            new Span<float>(b.GradQuery + row * b.HeadStride, b.HeadStride).Clear();
    }

    private readonly void StoreGradQuery(
        in BackwardBuffers b,
        int token,
        int head,
        long row,
        int queries
    )
    {
        for (var i = 0; i < queries; i++)
            GradQuery.Write(
                token + i,
                head,
                b.GradQuery + (row + i) * b.HeadStride,
                Arguments.HeadDim
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

    private readonly void PrepareGroup(in BackwardBuffers b, in PrefillRequest request, int kvHead)
    {
        for (var g = 0; g < Arguments.GroupSize; g++)
            PrepareRows(
                b,
                request.FirstQuery,
                request.Queries,
                kvHead * Arguments.GroupSize + g,
                (long)g * b.PaddedQueries
            );
    }

    /// <summary>Per query: D = dO·O and the log-sum-exp in log2 units.</summary>
    private readonly void PrepareRows(
        in BackwardBuffers b,
        int token,
        int queries,
        int head,
        long row
    )
    {
        var factor = Arguments.Base == LogSumExpBase.Two ? 1 : SimdMath.Log2E;
        // Staging rows are free until the first tile is loaded.
        var output = b.KeyRows;
        var grad = b.GradOut;
        new Span<float>(output, b.ValueRow).Clear();
        new Span<float>(grad, b.ValueRow).Clear();
        for (var i = 0; i < queries; i++)
        {
            Arguments.Out.Read(token + i, head, output, Arguments.ValueDim);
            GradOut.Read(token + i, head, grad, Arguments.ValueDim);
            b.Delta[row + i] = Dot(output, grad, b.ValueStride);
            b.LogSumExp[row + i] = (float)(
                Arguments.LogSumExp[
                    (token + i) * Arguments.LseTokenStride + head * Arguments.LseHeadStride
                ] * factor
            );
        }
    }

    private static float Dot(float* a, float* b, int count)
    {
        var sum = TSimd.Zero;
        for (var i = 0; i < count; i += TSimd.Count)
            sum = TSimd.Fma(TSimd.Load(a + i), TSimd.Load(b + i), sum);
        return TSimd.Sum(sum);
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
