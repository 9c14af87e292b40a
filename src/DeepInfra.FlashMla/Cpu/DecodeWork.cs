// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Dense decode on the CPU. One item is (part of the schedule, KV head, block of query rows); it walks over the
/// requests of its part with an online softmax over tiles of 64 tokens and writes either final rows or, for a
/// request shared with other parts, partial rows that <see cref="CombineWork{TSimd,TVector}"/> merges.
/// </summary>
internal unsafe struct DecodeWork<TSimd, TVector, TRows> : ICpuWork
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
    where TRows : struct, IKeyRows<TSimd, TVector>
{
    private const int Tile = LatentKernels<TSimd, TVector, TRows>.TileTokens;
    private const int Group = LatentKernels<TSimd, TVector, TRows>.GroupRows;

    /// <summary>Query rows whose queries, scores and outputs stay in the second-level cache beside a key tile.</summary>
    public const int MaxRowBlock = 64;

    public DecodeArguments Arguments;

    public static int RowBlocks(int rows) => (rows + MaxRowBlock - 1) / MaxRowBlock;

    public readonly void Execute(int item, int worker)
    {
        var rowBlocks = RowBlocks(Arguments.Rows);
        var firstRow = item % rowBlocks * MaxRowBlock;
        var kvHead = item / rowBlocks % Arguments.KvHeads;
        var part = Arguments.Parts[item / rowBlocks / Arguments.KvHeads];
        if (part.BeginRequest >= Arguments.Batch)
            return;

        var rows = Math.Min(MaxRowBlock, Arguments.Rows - firstRow);
        var buffers = new DecodeBuffers(Arguments, TRows.ElementBytes);
        var firstIsSplit = part.FirstIsSplit != 0;
        for (var request = part.BeginRequest; request <= part.EndRequest; request++)
        {
            var first = request == part.BeginRequest;
            var last = request == part.EndRequest;
            var begin = first ? part.BeginBlock * Tile : 0;
            var length = Arguments.SequenceLengths[request];
            var end = last ? Math.Min(length, part.EndBlock * Tile) : length;
            var split = first ? part.BeginSplit : 0;
            var isSplit = (first && firstIsSplit) || (last && part.LastIsSplit != 0);
            Attend(buffers, request, kvHead, firstRow, rows, begin, end);
            Store(buffers, request, kvHead, firstRow, rows, isSplit ? split : -1);
        }
    }

    private readonly void Attend(
        in DecodeBuffers buffers,
        int request,
        int kvHead,
        int firstRow,
        int rows,
        int begin,
        int end
    )
    {
        var paddedRows = (rows + Group - 1) / Group * Group;
        LoadQueries(buffers, request, kvHead, firstRow, rows, paddedRows);
        new Span<float>(buffers.Output, paddedRows * buffers.ValueStride).Clear();
        new Span<float>(buffers.Max, paddedRows).Fill(float.NegativeInfinity);
        new Span<float>(buffers.Sum, paddedRows).Clear();

        // Keys behind what the last row sees are of no use to this block of rows.
        end = Math.Min(end, Visible(request, firstRow + rows - 1));
        var current = buffers.Rows;
        var next = buffers.NextRows;
        if (begin < end)
            FindRows(request, kvHead, begin, Math.Min(Tile, end - begin), current);
        for (var start = begin; start < end; start += Tile)
        {
            var tokens = Math.Min(Tile, end - start);
            var ahead = start + Tile < end;
            if (ahead)
                FindRows(request, kvHead, start + Tile, Math.Min(Tile, end - start - Tile), next);
            var keys = current;
            if (buffers.NeedsConversion)
            {
                keys = buffers.Keys;
                ConvertRows(buffers, request, start, tokens, current, keys);
            }
            for (var row = 0; row < rows; row += Group)
                UpdateGroup(
                    buffers,
                    request,
                    firstRow,
                    row,
                    Math.Min(Group, rows - row),
                    start,
                    tokens,
                    keys,
                    new Lookahead(ahead ? next : null, row / Group, paddedRows / Group)
                );
            var done = current;
            current = next;
            next = done;
        }
    }

    private readonly void UpdateGroup(
        in DecodeBuffers buffers,
        int request,
        int firstRow,
        int row,
        int rowCount,
        int start,
        int tokens,
        byte** keys,
        in Lookahead lookahead
    )
    {
        var scores = buffers.Scores;
        var output = buffers.Output + row * buffers.ValueStride;
        LatentKernels<TSimd, TVector, TRows>.Scores(
            buffers.Query + row * buffers.KeyStride,
            buffers.KeyStride,
            keys,
            (tokens + 3) & ~3,
            buffers.KeyStride,
            scores,
            lookahead
        );
        var width = (tokens + 15) & ~15;
        var scale = (float)(Arguments.Scale * SimdMath.Log2E);
        var common = tokens;
        var most = 0;
        for (var i = 0; i < Group; i++)
        {
            var visible =
                i < rowCount
                    ? Math.Clamp(Visible(request, firstRow + row + i) - start, 0, tokens)
                    : 0;
            var shrink = SoftmaxRow.Update<TSimd, TVector>(
                scores + i * Tile,
                visible,
                width,
                scale,
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
            common = Math.Min(common, visible);
            most = Math.Max(most, visible);
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
            if (token < Visible(request, firstRow + row + i) - start)
                LatentKernels<TSimd, TVector, TRows>.AccumulateRow(
                    scores[i * Tile + token],
                    keys[token],
                    output + i * buffers.ValueStride,
                    buffers.ValueStride
                );
    }

    /// <summary>Keys that a row sees: all of them, or with causal masking all but those of later query tokens.</summary>
    private readonly int Visible(int request, int row)
    {
        var length = Arguments.SequenceLengths[request];
        return Arguments.Causal
            ? length - (Arguments.QueryTokens - 1 - row / Arguments.GroupSize)
            : length;
    }

    private readonly void LoadQueries(
        in DecodeBuffers buffers,
        int request,
        int kvHead,
        int firstRow,
        int rows,
        int paddedRows
    )
    {
        var bytes = DTypes.SizeInBytes(Arguments.QueryType);
        var staging = buffers.Staging;
        new Span<float>(buffers.Query, paddedRows * buffers.KeyStride).Clear();
        new Span<float>(staging, buffers.KeyStride).Clear();
        for (var i = 0; i < rows; i++)
        {
            var token = (firstRow + i) / Arguments.GroupSize;
            var head = kvHead * Arguments.GroupSize + (firstRow + i) % Arguments.GroupSize;
            var offset =
                request * Arguments.QueryBatchStride
                + token * Arguments.QueryTokenStride
                + head * Arguments.QueryHeadStride;
            RowConvert.ToFloat(
                Arguments.QueryType,
                Arguments.Query + offset * bytes,
                staging,
                Arguments.HeadDim
            );
            Interleave.ToPairs<TSimd, TVector, TRows>(
                staging,
                buffers.Query + i * buffers.KeyStride,
                buffers.KeyStride
            );
        }
    }

    /// <summary>Addresses of the stored rows of a tile, the last one repeated to the end of the tile.</summary>
    private readonly void FindRows(int request, int kvHead, int start, int tokens, byte** rows)
    {
        var table = Arguments.BlockTable + request * Arguments.TableStride;
        var page = Arguments.PageSize;
        var slot = start % page;
        var entry = start / page;
        var head = Arguments.Cache + kvHead * Arguments.HeadStrideBytes;
        for (var i = 0; i < tokens; entry++, slot = 0)
        {
            var row =
                head + table[entry] * Arguments.BlockStrideBytes + slot * Arguments.RowStrideBytes;
            for (var stop = Math.Min(tokens, i + page - slot); i < stop; i++)
            {
                rows[i] = row;
                row += Arguments.RowStrideBytes;
            }
        }
        // The score kernel works on four keys at a time; surplus scores are never used.
        for (var i = tokens; i < Tile; i++)
            rows[i] = rows[tokens - 1];
    }

    /// <summary>Decodes or widens a tile into scratch rows.</summary>
    private readonly void ConvertRows(
        in DecodeBuffers buffers,
        int request,
        int start,
        int tokens,
        byte** rows,
        byte** keys
    )
    {
        var stride = (long)buffers.KeyStride * TRows.ElementBytes;
        for (var i = 0; i < tokens; i++)
        {
            keys[i] = buffers.KeyScratch + i * stride;
            if (Arguments.Format == KvCacheFormat.Fp8V32)
                Fp8Rows.DecodeV32<TSimd, TVector>(rows[i], (ushort*)keys[i]);
            else if (Arguments.Format == KvCacheFormat.Fp8Model1)
                Fp8Rows.DecodeModel1<TSimd, TVector>(
                    rows[i],
                    Scales(request, start + i),
                    (ushort*)keys[i]
                );
            else
                Widen(buffers, rows[i], keys[i]);
        }
        for (var i = tokens; i < Tile; i++)
            keys[i] = keys[tokens - 1];
    }

    /// <summary>Scale bytes of a token: behind all data rows of its block.</summary>
    private readonly byte* Scales(int request, int token)
    {
        var page = Arguments.PageSize;
        var block = (Arguments.BlockTable + request * Arguments.TableStride)[token / page];
        return Arguments.Cache
            + block * Arguments.BlockStrideBytes
            + (long)KvLayout.Model1DataBytes * page
            + (long)KvLayout.Model1ScaleBytes * (token % page);
    }

    /// <summary>Copies a plain row, padded with zeros to whole pairs of vectors.</summary>
    private readonly void Widen(in DecodeBuffers buffers, byte* row, byte* key)
    {
        var bytes = Arguments.HeadDim * TRows.ElementBytes;
        if (Arguments.Format == KvCacheFormat.Float16)
            RowConvert.ToFloat(DType.Float16, row, (float*)key, Arguments.HeadDim);
        else
            Unsafe.CopyBlockUnaligned(key, row, (uint)bytes);
        new Span<byte>(key + bytes, buffers.KeyStride * TRows.ElementBytes - bytes).Clear();
    }

    private readonly void Store(
        in DecodeBuffers buffers,
        int request,
        int kvHead,
        int firstRow,
        int rows,
        int split
    )
    {
        var staging = buffers.Staging;
        for (var i = 0; i < rows; i++)
        {
            var sum = buffers.Sum[i];
            // Sum 0: no key was visible (or every logit is -infinity). NaN passes through.
            var empty = sum == 0;
            var lse2 = empty ? double.NegativeInfinity : buffers.Max[i] + Math.Log2(sum);
            var output = buffers.Output + i * buffers.ValueStride;
            SoftmaxRow.Scale<TSimd, TVector>(output, buffers.ValueStride, empty ? 0 : 1 / sum);
            Interleave.FromPairs<TSimd, TVector, TRows>(output, staging, buffers.ValueStride);
            if (empty)
                new Span<float>(staging, Arguments.ValueDim).Clear();
            var row = firstRow + i;
            if (split < 0)
            {
                var head = kvHead * Arguments.GroupSize + row % Arguments.GroupSize;
                Arguments.StoreRow(request, row / Arguments.GroupSize, head, staging, lse2);
                continue;
            }
            var accumulatorRow =
                ((long)Arguments.SplitBase[request] + split) * Arguments.KvHeads * Arguments.Rows
                + (long)kvHead * Arguments.Rows
                + row;
            Arguments.LseAccumulator[accumulatorRow] = (float)lse2;
            new ReadOnlySpan<float>(staging, Arguments.ValueDim).CopyTo(
                new Span<float>(
                    Arguments.OutAccumulator + accumulatorRow * Arguments.ValueDim,
                    Arguments.ValueDim
                )
            );
        }
    }
}
