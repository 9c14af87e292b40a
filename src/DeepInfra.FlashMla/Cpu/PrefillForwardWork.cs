// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Attention over sequences of different lengths, after FlashAttention-2: one unit is (request, query head, tile of 64
/// queries) and walks over key tiles with an online softmax.
/// </summary>
internal unsafe struct PrefillForwardWork<TSimd, TVector> : ICpuWork
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int Tile = PrefillArguments.Tile;
    private const int ScoreStride = PrefillArguments.ScoreStride;

    public PrefillArguments Arguments;

    public readonly int ItemCount => Units.ItemCount;

    private readonly WorkUnits Units => new(Arguments.QueryTiles.Count);

    public readonly void Execute(int item, int worker)
    {
        var (unit, end) = Units[item];
        for (; unit < end; unit++)
        {
            var (request, head, tile) = Arguments.QueryTiles[unit];
            RunTile(request, head, tile);
        }
    }

    private readonly void RunTile(int request, int head, int tile)
    {
        var queryStart = Arguments.QueryOffsets[request];
        var queryLength = Arguments.QueryOffsets[request + 1] - queryStart;
        var keyStart = Arguments.KeyOffsets[request];
        var keyLength = Arguments.KeyOffsets[request + 1] - keyStart;
        var first = tile * Tile;
        var rows = Math.Min(Tile, queryLength - first);

        var (headStride, valueStride) = (Arguments.HeadStride, Arguments.ValueStride);
        // An odd number of cache lines per row spreads the rows of a column over all cache sets.
        var valueRow = valueStride + 16;
        using var memory = KernelScratch.Rent(
            sizeof(float)
                * (
                    2L * Tile * headStride
                    + (long)Tile * (headStride + 16)
                    + (long)Tile * valueRow
                    + (long)Tile * valueStride
                    + Tile * ScoreStride
                    + 2 * Tile
                )
        );
        var query = (float*)memory.Pointer;
        var keyPanels = query + Tile * headStride;
        var keyRows = keyPanels + Tile * headStride;
        var values = keyRows + Tile * (headStride + 16);
        var output = values + Tile * valueRow;
        var scores = output + Tile * valueStride;
        var max = scores + Tile * ScoreStride;
        var sum = max + Tile;

        var paddedRows = PrefillArguments.RoundUp(rows, 4);
        Arguments.Query.ReadTile(
            queryStart + first,
            head,
            rows,
            Arguments.HeadDim,
            query,
            headStride,
            paddedRows
        );
        new Span<float>(output, paddedRows * valueStride).Clear();
        new Span<float>(max, Tile).Fill(float.NegativeInfinity);
        new Span<float>(sum, Tile).Clear();

        var end = Arguments.Visible(first + rows - 1, queryLength, keyLength);
        var kvHead = head / Arguments.GroupSize;
        for (var start = 0; start < end; start += Tile)
        {
            var keys = Math.Min(Tile, end - start);
            Arguments.Key.ReadTile(
                keyStart + start,
                kvHead,
                keys,
                Arguments.HeadDim,
                keyRows,
                headStride + 16,
                Tile
            );
            var keyColumns = PrefillArguments.RoundUp(keys, 32);
            Panels.Transpose(
                keyRows,
                headStride + 16,
                keyColumns,
                headStride,
                keyPanels,
                TSimd.Count
            );
            Arguments.Value.ReadTile(
                keyStart + start,
                kvHead,
                keys,
                Arguments.ValueDim,
                values,
                valueRow,
                Tile
            );
            var limits = new RowLimits(Arguments, first, start, keys, queryLength, keyLength);
            MaskedProducts<TSimd, TVector>.Scores(
                query,
                headStride,
                keyPanels,
                headStride,
                scores,
                ScoreStride,
                rows,
                keyColumns,
                limits
            );
            for (var i = 0; i < paddedRows; i++)
            {
                var shrink = SoftmaxRow.Update<TSimd, TVector>(
                    scores + i * ScoreStride,
                    i < rows ? limits.Of(i) : 0,
                    PrefillArguments.RoundUp(keys, 16),
                    (float)(Arguments.Scale * SimdMath.Log2E),
                    ref max[i],
                    ref sum[i]
                );
                if (shrink != 1)
                    SoftmaxRow.Scale<TSimd, TVector>(output + i * valueStride, valueStride, shrink);
            }
            MaskedProducts<TSimd, TVector>.AddRows(
                scores,
                ScoreStride,
                values,
                valueRow,
                output,
                valueStride,
                rows,
                valueStride,
                keys,
                limits
            );
        }

        for (var i = 0; i < rows; i++)
        {
            var empty = sum[i] == 0;
            var row = output + i * valueStride;
            if (empty)
                new Span<float>(row, valueStride).Clear();
            else
                SoftmaxRow.Scale<TSimd, TVector>(row, valueStride, 1 / sum[i]);
            var token = queryStart + first + i;
            Arguments.Out.Write(token, head, row, Arguments.ValueDim);
            Arguments.LogSumExp[token * Arguments.LseTokenStride + head * Arguments.LseHeadStride] =
                FinalLse(empty, max[i], sum[i]);
        }
    }

    private readonly float FinalLse(bool empty, float max, float sum)
    {
        if (empty)
            return Arguments.Empty == EmptyLogSumExp.PositiveInfinity
                ? float.PositiveInfinity
                : float.NegativeInfinity;
        var lse2 = max + Math.Log2(sum);
        return (float)(Arguments.Base == LogSumExpBase.Two ? lse2 : lse2 * SimdMath.Ln2);
    }
}
