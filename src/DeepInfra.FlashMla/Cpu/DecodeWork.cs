// SPDX-License-Identifier: MIT
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
    private const int Tile = KeyTile.Capacity;

    public DecodeArguments Arguments;
    public CacheView Cache;
    public int* BlockTable;
    public long TableStride;
    public int* SequenceLengths;
    public bool Causal;

    public readonly int ItemCount => checked(Arguments.PartCount * Arguments.KvHeads * RowBlocks);

    private readonly int RowBlocks =>
        (Arguments.Rows + DecodeBuffers.MaxRows - 1) / DecodeBuffers.MaxRows;

    public readonly void Execute(int item, int worker)
    {
        var firstRow = item % RowBlocks * DecodeBuffers.MaxRows;
        var kvHead = item / RowBlocks % Arguments.KvHeads;
        var part = Arguments.Part(item / RowBlocks / Arguments.KvHeads);
        if (part.BeginRequest >= Arguments.Batch)
            return;

        var rows = Math.Min(DecodeBuffers.MaxRows, Arguments.Rows - firstRow);
        using var buffers = new DecodeBuffers(Arguments, TRows.ElementBytes);
        for (var request = part.BeginRequest; request <= part.EndRequest; request++)
        {
            var first = request == part.BeginRequest;
            var last = request == part.EndRequest;
            var begin = first ? part.BeginBlock * Tile : 0;
            var length = SequenceLengths[request];
            var end = last ? Math.Min(length, part.EndBlock * Tile) : length;
            var isSplit = (first && part.FirstIsSplit != 0) || (last && part.LastIsSplit != 0);
            Attend(buffers, request, kvHead, firstRow, rows, begin, end);
            for (var i = 0; i < rows; i++)
            {
                var lse2 = LatentTile<TSimd, TVector, TRows>.Finish(buffers, i);
                Arguments.Store(
                    request,
                    isSplit ? (first ? part.BeginSplit : 0) : -1,
                    Token(firstRow + i),
                    Head(kvHead, firstRow + i),
                    buffers.Staging,
                    lse2
                );
            }
        }
    }

    private readonly int Token(int row) => row / Arguments.GroupSize;

    private readonly int Head(int kvHead, int row) =>
        kvHead * Arguments.GroupSize + row % Arguments.GroupSize;

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
        LatentTile<TSimd, TVector, TRows>.Begin(buffers, rows);
        for (var i = 0; i < rows; i++)
            LatentTile<TSimd, TVector, TRows>.LoadQuery(
                buffers,
                i,
                Arguments.QueryType,
                Arguments.QueryRow(request, Token(firstRow + i), Head(kvHead, firstRow + i)),
                Arguments.HeadDim
            );
        // Keys behind what the last row sees are of no use to this block of rows.
        end = Math.Min(end, Visible(request, firstRow + rows - 1));
        var tile = buffers.NewTile(0);
        var next = buffers.NewTile(1);
        if (begin < end)
            Find(request, kvHead, begin, end, ref tile);
        for (var start = begin; start < end; start += Tile)
        {
            var ahead = start + Tile < end;
            if (ahead)
                Find(request, kvHead, start + Tile, end, ref next);
            for (var i = 0; i < rows; i++)
                buffers.Visible[i] = Math.Clamp(
                    Visible(request, firstRow + i) - start,
                    0,
                    tile.Count
                );
            LatentTile<TSimd, TVector, TRows>.Attend(buffers, rows, tile, ahead ? next.Rows : null);
            (tile, next) = (next, tile);
        }
    }

    /// <summary>Keys that a row sees: all of them, or with causal masking all but those of later query tokens.</summary>
    private readonly int Visible(int request, int row)
    {
        var length = SequenceLengths[request];
        return Causal ? length - (Arguments.QueryTokens - 1 - Token(row)) : length;
    }

    /// <summary>Collects the tile that starts at a token. Block-table entries behind the last token are not read.</summary>
    private readonly void Find(int request, int kvHead, int start, int end, ref KeyTile tile)
    {
        var table = BlockTable + request * TableStride;
        var slot = start % Cache.PageSize;
        var entry = start / Cache.PageSize;
        var count = Math.Min(Tile, end - start);
        tile.Count = 0;
        for (; tile.Count < count; entry++, slot = 0)
        {
            var block = table[entry];
            var stop = Math.Min(count, tile.Count + Cache.PageSize - slot);
            while (tile.Count < stop)
                tile.Add(Cache.Row(block, slot, kvHead), Cache.Scales(block, slot++));
        }
        tile.Pad();
    }
}
