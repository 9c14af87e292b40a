// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Index lists into one cache. Strides are in elements.</summary>
internal unsafe struct SparseList
{
    public CacheView Cache;
    public int* Indices;
    public long RequestStride;
    public long TokenStride;
    public int TopK;

    /// <summary>Per request: how many of the leftmost entries count; null means all.</summary>
    public int* Lengths;

    public readonly int Length(int request) => Lengths is null ? TopK : Lengths[request];
}

/// <summary>
/// Token-sparse attention on the CPU: every query token attends to the cache slots of its own index list, and of a second list
/// into a second cache if there is one. One item is (part of the schedule, query token, block of heads). Sparse
/// prefill is the same with one query token per request.
/// </summary>
internal unsafe struct SparseWork<TSimd, TVector, TRows> : ICpuWork
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
    where TRows : struct, IKeyRows<TSimd, TVector>
{
    private const int Tile = KeyTile.Capacity;

    public DecodeArguments Arguments;
    public SparseList Main;
    public SparseList Extra;
    public bool HasExtra;

    /// <summary>Receives [request][head] maxima of the logits in natural units; may be null.</summary>
    public float* MaxLogits;

    /// <summary>Receives [request][head]: log-sum-exp over the first <see cref="IndexerTopK"/> entries; may be null.</summary>
    public float* IndexerLogSumExp;
    public int IndexerTopK;

    public readonly int ItemCount =>
        checked(Arguments.PartCount * Arguments.QueryTokens * HeadBlocks);

    private readonly int HeadBlocks =>
        (Arguments.QueryHeads + DecodeBuffers.MaxRows - 1) / DecodeBuffers.MaxRows;

    public readonly void Execute(int item, int worker)
    {
        var firstHead = item % HeadBlocks * DecodeBuffers.MaxRows;
        var token = item / HeadBlocks % Arguments.QueryTokens;
        var part = Arguments.Part(item / HeadBlocks / Arguments.QueryTokens);
        if (part.BeginRequest >= Arguments.Batch)
            return;

        var heads = Math.Min(DecodeBuffers.MaxRows, Arguments.QueryHeads - firstHead);
        using var buffers = new DecodeBuffers(Arguments, TRows.ElementBytes);
        for (var request = part.BeginRequest; request <= part.EndRequest; request++)
        {
            var first = request == part.BeginRequest;
            var last = request == part.EndRequest;
            var isSplit = (first && part.FirstIsSplit != 0) || (last && part.LastIsSplit != 0);
            LatentTile<TSimd, TVector, TRows>.Begin(buffers, heads);
            for (var i = 0; i < heads; i++)
                LatentTile<TSimd, TVector, TRows>.LoadQuery(
                    buffers,
                    i,
                    Arguments.QueryType,
                    Arguments.QueryRow(request, token, firstHead + i),
                    Arguments.HeadDim
                );
            Attend(
                buffers,
                heads,
                request,
                token,
                first ? part.BeginBlock : 0,
                last ? part.EndBlock : int.MaxValue / Tile
            );
            for (var i = 0; i < heads; i++)
            {
                var lse2 = LatentTile<TSimd, TVector, TRows>.Finish(buffers, i);
                Arguments.Store(
                    request,
                    isSplit ? (first ? part.BeginSplit : 0) : -1,
                    token,
                    firstHead + i,
                    buffers.Staging,
                    lse2
                );
                StoreExtras(buffers, i, request, firstHead + i);
            }
        }
    }

    /// <summary>
    /// Visits the valid entries of a range of 64-entry blocks. The first list is rounded up to whole blocks (at least one);
    /// positions of the second list count from 0 again.
    /// </summary>
    private readonly void Attend(
        in DecodeBuffers buffers,
        int heads,
        int request,
        int token,
        int beginBlock,
        int endBlock
    )
    {
        var cursor = new Cursor(this, request, token, beginBlock, endBlock);
        var tile = buffers.NewTile(0);
        var next = buffers.NewTile(1);
        Collect(ref cursor, ref tile);
        while (tile.Count > 0)
        {
            Collect(ref cursor, ref next);
            for (var i = 0; i < heads; i++)
                buffers.Visible[i] = tile.Count;
            LatentTile<TSimd, TVector, TRows>.Attend(
                buffers,
                heads,
                tile,
                next.Count > 0 ? next.Rows : null
            );
            (tile, next) = (next, tile);
        }
    }

    /// <summary>Fills a tile with valid entries; invalid ones are left out, so that nothing needs masking.</summary>
    private readonly void Collect(ref Cursor cursor, ref KeyTile tile)
    {
        tile.Count = 0;
        tile.IndexerCount = 0;
        while (tile.Count < Tile)
        {
            if (cursor.Position >= cursor.End)
            {
                if (!cursor.TryEnterExtra(this))
                    break;
                continue;
            }
            ref readonly var list = ref cursor.InExtra ? ref Extra : ref Main;
            var index = cursor.Indices[cursor.Position++];
            if ((ulong)index >= (ulong)list.Cache.SlotCount)
                continue;
            var (block, slot) = Math.DivRem(index, list.Cache.PageSize);
            tile.Add(list.Cache.Row(block, slot, 0), list.Cache.Scales(block, slot));
            if (!cursor.InExtra && cursor.Position <= IndexerTopK)
                tile.IndexerCount = tile.Count;
        }
        tile.Pad();
    }

    private readonly void StoreExtras(in DecodeBuffers buffers, int row, int request, int head)
    {
        var index = (long)request * Arguments.QueryHeads + head;
        if (MaxLogits != null)
            MaxLogits[index] = (float)(buffers.Max[row] * SimdMath.Ln2);
        if (IndexerLogSumExp == null)
            return;
        var sum = buffers.IndexerSum[row];
        IndexerLogSumExp[index] = Arguments.FinalLse(
            sum == 0 ? double.NegativeInfinity : buffers.IndexerMax[row] + Math.Log2(sum)
        );
    }

    /// <summary>Where the walk over a request's entries stands.</summary>
    private struct Cursor
    {
        private readonly int _request;
        private readonly int _token;
        private readonly int _extraBegin;
        private readonly int _extraEnd;

        public Cursor(
            in SparseWork<TSimd, TVector, TRows> work,
            int request,
            int token,
            int beginBlock,
            int endBlock
        )
        {
            _request = request;
            _token = token;
            var length = work.Main.Length(request);
            var mainBlocks = Math.Max(1, (length + Tile - 1) / Tile);
            Indices =
                work.Main.Indices
                + request * work.Main.RequestStride
                + token * work.Main.TokenStride;
            Position = Math.Min(beginBlock, mainBlocks) * Tile;
            End = (int)Math.Min(length, (long)endBlock * Tile);
            if (!work.HasExtra)
                return;
            _extraBegin = Math.Max(0, beginBlock - mainBlocks) * Tile;
            _extraEnd = (int)
                Math.Min(work.Extra.Length(request), Math.Max(0L, endBlock - mainBlocks) * Tile);
        }

        public int* Indices;
        public int Position;
        public int End;
        public bool InExtra;

        public bool TryEnterExtra(in SparseWork<TSimd, TVector, TRows> work)
        {
            if (InExtra || _extraBegin >= _extraEnd)
                return false;
            InExtra = true;
            Indices =
                work.Extra.Indices
                + _request * work.Extra.RequestStride
                + _token * work.Extra.TokenStride;
            Position = _extraBegin;
            End = _extraEnd;
            return true;
        }
    }
}
