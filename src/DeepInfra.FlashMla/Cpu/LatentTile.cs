// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Online softmax attention of a block of query rows over tiles of key rows; dense and sparse decode differ only in which
/// rows make a tile.
/// </summary>
internal static unsafe class LatentTile<TSimd, TVector, TRows>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
    where TRows : struct, IKeyRows<TSimd, TVector>
{
    private const int Tile = KeyTile.Capacity;
    private const int Group = LatentKernels<TSimd, TVector, TRows>.GroupRows;

    /// <summary>Clears the state of a row block.</summary>
    public static void Begin(in DecodeBuffers buffers, int rows)
    {
        var padded = Pad(rows);
        new Span<float>(buffers.Query, padded * buffers.KeyStride).Clear();
        new Span<float>(buffers.Output, padded * buffers.ValueStride).Clear();
        new Span<float>(buffers.Max, padded).Fill(float.NegativeInfinity);
        new Span<float>(buffers.Sum, padded).Clear();
        new Span<float>(buffers.IndexerMax, padded).Fill(float.NegativeInfinity);
        new Span<float>(buffers.IndexerSum, padded).Clear();
        new Span<int>(buffers.Visible, padded).Clear();
    }

    /// <summary>Sets the query of a row.</summary>
    public static void LoadQuery(
        in DecodeBuffers buffers,
        int row,
        DType type,
        byte* query,
        int headDim
    )
    {
        RowConvert.ToFloat(type, query, buffers.Staging, headDim);
        new Span<float>(buffers.Staging + headDim, buffers.KeyStride - headDim).Clear();
        Interleave.ToPairs<TSimd, TVector, TRows>(
            buffers.Staging,
            buffers.Query + row * buffers.KeyStride,
            buffers.KeyStride
        );
    }

    /// <summary>Attends to a tile; row i sees its first <c>buffers.Visible[i]</c> keys.</summary>
    /// <param name="buffers">State of the row block.</param>
    /// <param name="rows">Query rows.</param>
    /// <param name="tile">The keys, at least one.</param>
    /// <param name="next">Stored rows of the tile after this one, for prefetching; null if there is none.</param>
    public static void Attend(in DecodeBuffers buffers, int rows, in KeyTile tile, byte** next)
    {
        var keys = tile.Rows;
        if (buffers.NeedsConversion)
        {
            Convert(buffers, tile);
            keys = buffers.Keys;
        }
        for (var row = 0; row < rows; row += Group)
            UpdateGroup(
                buffers,
                row,
                Math.Min(Group, rows - row),
                tile,
                keys,
                new Lookahead(next, row / Group, Pad(rows) / Group)
            );
    }

    /// <summary>Normalises a row into <c>buffers.Staging</c>, in natural column order.</summary>
    /// <returns>The log-sum-exp in log2 units, -infinity for a row without keys.</returns>
    public static double Finish(in DecodeBuffers buffers, int row)
    {
        var sum = buffers.Sum[row];
        // Sum 0: no key was visible (or every logit is -infinity). NaN passes through.
        var output = buffers.Output + row * buffers.ValueStride;
        if (sum == 0)
        {
            new Span<float>(buffers.Staging, buffers.ValueStride).Clear();
            return double.NegativeInfinity;
        }
        SoftmaxRow.Scale<TSimd, TVector>(output, buffers.ValueStride, 1 / sum);
        Interleave.FromPairs<TSimd, TVector, TRows>(output, buffers.Staging, buffers.ValueStride);
        return buffers.Max[row] + Math.Log2(sum);
    }

    private static void UpdateGroup(
        in DecodeBuffers buffers,
        int row,
        int rowCount,
        in KeyTile tile,
        byte** keys,
        in Lookahead lookahead
    )
    {
        var scores = buffers.Scores;
        var output = buffers.Output + row * buffers.ValueStride;
        var visible = buffers.Visible + row;
        LatentKernels<TSimd, TVector, TRows>.Scores(
            buffers.Query + row * buffers.KeyStride,
            buffers.KeyStride,
            keys,
            Pad(tile.Count),
            buffers.KeyStride,
            scores,
            lookahead
        );
        if (tile.IndexerCount > 0)
            UpdateIndexer(buffers, row, rowCount, tile);
        var common = tile.Count;
        var most = 0;
        for (var i = 0; i < Group; i++)
        {
            var shrink = SoftmaxRow.Update<TSimd, TVector>(
                scores + i * Tile,
                i < rowCount ? visible[i] : 0,
                (tile.Count + 15) & ~15,
                buffers.Scale2,
                ref buffers.Max[row + i],
                ref buffers.Sum[row + i]
            );
            if (i >= rowCount)
                continue;
            if (shrink != 1)
                SoftmaxRow.Scale<TSimd, TVector>(
                    output + i * buffers.ValueStride,
                    buffers.ValueStride,
                    shrink
                );
            common = Math.Min(common, visible[i]);
            most = Math.Max(most, visible[i]);
        }
        if (common > 0)
            LatentKernels<TSimd, TVector, TRows>.Accumulate(
                scores,
                keys,
                common,
                output,
                buffers.ValueStride,
                buffers.ValueStride,
                lookahead
            );
        // Causal rows of one group may end at different keys. A key that only some rows see is added row by row:
        // multiplying it by a zero weight would let its NaN through.
        for (var token = common; token < most; token++)
        for (var i = 0; i < rowCount; i++)
            if (token < visible[i])
                LatentKernels<TSimd, TVector, TRows>.AccumulateRow(
                    scores[i * Tile + token],
                    keys[token],
                    output + i * buffers.ValueStride,
                    buffers.ValueStride
                );
    }

    private static void UpdateIndexer(
        in DecodeBuffers buffers,
        int row,
        int rowCount,
        in KeyTile tile
    )
    {
        var copy = stackalloc float[Tile];
        for (var i = 0; i < rowCount; i++)
        {
            new ReadOnlySpan<float>(buffers.Scores + i * Tile, Tile).CopyTo(
                new Span<float>(copy, Tile)
            );
            SoftmaxRow.Update<TSimd, TVector>(
                copy,
                Math.Min(tile.IndexerCount, buffers.Visible[row + i]),
                (tile.Count + 15) & ~15,
                buffers.Scale2,
                ref buffers.IndexerMax[row + i],
                ref buffers.IndexerSum[row + i]
            );
        }
    }

    /// <summary>Decodes or widens the rows of a tile into scratch rows.</summary>
    private static void Convert(in DecodeBuffers buffers, in KeyTile tile)
    {
        var stride = (long)buffers.KeyStride * TRows.ElementBytes;
        for (var i = 0; i < Tile; i++)
        {
            if (i >= tile.Count)
            {
                buffers.Keys[i] = buffers.Keys[tile.Count - 1];
                continue;
            }
            var key = buffers.KeyScratch + i * stride;
            buffers.Keys[i] = key;
            if (buffers.Format == KvCacheFormat.Fp8V32)
                Fp8Rows.DecodeV32<TSimd, TVector>(tile.Rows[i], (ushort*)key);
            else if (buffers.Format == KvCacheFormat.Fp8Model1)
                Fp8Rows.DecodeModel1<TSimd, TVector>(tile.Rows[i], tile.Scales[i], (ushort*)key);
            else
                Widen(buffers, tile.Rows[i], key);
        }
    }

    /// <summary>Copies a plain row, padded with zeros to whole pairs of vectors.</summary>
    private static void Widen(in DecodeBuffers buffers, byte* row, byte* key)
    {
        var bytes = buffers.HeadDim * TRows.ElementBytes;
        if (buffers.Format == KvCacheFormat.Float16)
            RowConvert.ToFloat(DType.Float16, row, (float*)key, buffers.HeadDim);
        else
            Unsafe.CopyBlockUnaligned(key, row, (uint)bytes);
        new Span<byte>(key + bytes, buffers.KeyStride * TRows.ElementBytes - bytes).Clear();
    }

    private static int Pad(int rows) => (rows + Group - 1) / Group * Group;
}
