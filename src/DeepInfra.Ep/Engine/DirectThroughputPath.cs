// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Ep.Cpu;

namespace DeepInfra.Ep.Engine;

/// <summary>
/// Ranks in one address space: each receiver copies, or sums, rows straight out of the senders' tensors. The
/// done signal of a receiver tells a sender that its tensors are no longer read; a sender that cannot wait for it
/// withdraws them.
/// </summary>
internal sealed unsafe class DirectThroughputPath : ThroughputPath
{
    private readonly ThroughputBuffer _buffer;
    private readonly object?[] _board;
    private readonly Post _mine = new();
    private readonly int[] _blockStart;
    private readonly int _ranks;
    private readonly int _rank;

    public DirectThroughputPath(ThroughputBuffer buffer, object?[] board)
    {
        _buffer = buffer;
        _board = board;
        _ranks = buffer.Group.Size;
        _rank = buffer.Group.Rank;
        _blockStart = new int[_ranks + 1];
        Volatile.Write(ref board[_rank], _mine);
    }

    public override void Announce(DispatchRequest request)
    {
        _mine.Shape = request.Shape;
        _mine.Dispatch = request;
        _mine.Combine = null;
        Arrive(request.Shape);
    }

    public override void Announce(CombineRequest request)
    {
        _mine.Shape = request.Shape;
        _mine.Dispatch = null;
        _mine.Combine = request;
        Arrive(request.Shape);
    }

    public override void Announce(in CallShape shape)
    {
        _mine.Shape = shape;
        _mine.Dispatch = null;
        _mine.Combine = null;
        Arrive(shape);
    }

    public override CallShape PeerShape(int rank) => PostOf(rank).Shape;

    public override int Count(int source, int target) =>
        PostOf(source).Dispatch!.Plan.SendCount[target];

    public override void AddExpertCounts(int source, Span<int> local)
    {
        var counts = PostOf(source)
            .Dispatch!.TokensPerExpert.AsSpan(_rank * local.Length, local.Length);
        for (var i = 0; i < local.Length; i++)
            local[i] += counts[i];
    }

    public override void Transfer(DispatchRequest request, in DispatchOutputs outputs)
    {
        var blocks = 0;
        for (var source = 0; source < _ranks; source++)
        {
            _blockStart[source] = blocks;
            var rows = request.Plan.RecvPrefix[source + 1] - request.Plan.RecvPrefix[source];
            blocks += (rows + BlockRows - 1) / BlockRows;
        }
        _blockStart[_ranks] = blocks;
        var work = new DispatchWork(this, request, outputs);
        EnterPeers("Dispatch");
        try
        {
            CpuParallel.Run(blocks, ref work, _buffer.ThreadsFor(request.RecvTokens));
        }
        finally
        {
            ExitPeers(_ranks);
        }
        Finish(request.Shape, "Dispatch", request.Cancellation);
    }

    public override void Transfer(CombineRequest request, in CombineOutputs outputs)
    {
        var work = new CombineWork(this, request, outputs);
        var tokens = request.Plan.TokenCount;
        EnterPeers("Combine");
        try
        {
            CpuParallel.Run(
                (tokens + BlockRows - 1) / BlockRows,
                ref work,
                _buffer.ThreadsFor(request.Plan.EntryCount)
            );
        }
        finally
        {
            ExitPeers(_ranks);
        }
        Finish(request.Shape, "Combine", request.Cancellation);
    }

    public override void Withdraw() => _mine.Readers.Withdraw();

    private Post PostOf(int rank) => (Post)Volatile.Read(ref _board[rank])!;

    private void EnterPeers(string operation)
    {
        for (var rank = 0; rank < _ranks; rank++)
        {
            if (PostOf(rank).Readers.TryEnter())
                continue;
            ExitPeers(rank);
            throw new PeerFailedException(
                $"rank {_rank}: rank {rank} gave up {operation} before this rank read its rows",
                [rank]
            );
        }
    }

    private void ExitPeers(int count)
    {
        for (var rank = 0; rank < count; rank++)
            PostOf(rank).Readers.Exit();
    }

    private void Arrive(in CallShape shape) =>
        _buffer.Signals.SignalAll(EpBuffer.ArriveSignal, shape.Sequence);

    private void Finish(in CallShape shape, string operation, CancellationToken cancellation)
    {
        _buffer.Signals.SignalAll(EpBuffer.DoneSignal, shape.Sequence);
        _buffer.WaitAll(EpBuffer.DoneSignal, shape.Sequence, operation, "transfer", cancellation);
    }

    private void CopyBlock(int block, DispatchRequest request, in DispatchOutputs outputs)
    {
        var source = 0;
        while (block >= _blockStart[source + 1])
            source++;
        var peer = PostOf(source).Dispatch!;
        var plan = request.Plan;
        var first = (block - _blockStart[source]) * BlockRows;
        var count = Math.Min(
            BlockRows,
            plan.RecvPrefix[source + 1] - plan.RecvPrefix[source] - first
        );
        var tokens = peer.Plan.SendTokens.AsSpan(peer.Plan.SendOffset[_rank] + first, count);
        var row = plan.RecvPrefix[source] + first;
        for (var i = 0; i < count; i++, row++)
        {
            var token = tokens[i];
            RowCopy.Copy(
                outputs.X + row * outputs.RowBytes,
                peer.X + token * peer.XStrideBytes,
                outputs.RowBytes,
                outputs.Stream
            );
            if (outputs.Scale != null)
                outputs.WriteScales(
                    row,
                    peer.Scale + token * peer.ScaleRowStrideBytes,
                    peer.ScalePackStrideBytes
                );
            outputs.WriteSource(row, source, token);
            if (!request.IsCached)
            {
                plan.RecvSource[row] = token;
                if (outputs.TopkIdx != null)
                    plan.RecvMask[row] = WriteRouting(peer, token, row, outputs);
            }
            if (outputs.TopkWeights != null)
                outputs.WriteWeights(
                    row,
                    plan.RecvMask[row],
                    peer.TopkWeights + token * peer.TopkWeightsStride
                );
        }
        if (outputs.Stream)
            RowCopy.Fence();
    }

    private static uint WriteRouting(
        DispatchRequest peer,
        long token,
        int row,
        in DispatchOutputs outputs
    )
    {
        uint mask = 0;
        for (var k = 0; k < outputs.TopK; k++)
        {
            var expert = peer.IndexIs64Bit
                ? ((long*)peer.TopkIdx)[token * peer.TopkIdxStride + k]
                : ((int*)peer.TopkIdx)[token * peer.TopkIdxStride + k];
            if (outputs.WriteIndex(row, k, expert))
                mask |= 1u << k;
        }
        return mask;
    }

    private void SumBlock(int block, CombineRequest request, in CombineOutputs outputs)
    {
        // Two places for biases in front of at most one row per rank. 16 KiB for the largest group.
        var rows = stackalloc byte*[_ranks + 2];
        var weights = stackalloc float*[_ranks];
        SumTokens(block, request, outputs, rows, weights);
    }

    private void SumTokens(
        int block,
        CombineRequest request,
        in CombineOutputs outputs,
        byte** rows,
        float** weights
    )
    {
        var plan = request.Plan;
        var end = Math.Min(plan.TokenCount, (block + 1) * BlockRows);
        for (var token = block * BlockRows; token < end; token++)
        {
            var count = 0;
            for (var entry = plan.TokenStart[token]; entry < plan.TokenStart[token + 1]; entry++)
            {
                var target = plan.EntryRank[entry];
                var peer = PostOf(target).Combine!;
                long row = plan.SendBase[target] + plan.EntrySlot[entry];
                rows[2 + count] = peer.X + row * peer.XStrideBytes;
                weights[count] = peer.Weights + row * peer.WeightsStride;
                count++;
            }
            outputs.Reduce(token, rows, count);
            if (outputs.Weights != null)
                outputs.ReduceWeights(token, weights, count);
        }
        if (outputs.Stream)
            RowCopy.Fence();
    }

    private sealed class Post
    {
        public readonly ReaderGate Readers = new();
        public CallShape Shape;
        public DispatchRequest? Dispatch;
        public CombineRequest? Combine;
    }

    private readonly struct DispatchWork(
        DirectThroughputPath path,
        DispatchRequest request,
        DispatchOutputs outputs
    ) : ICpuWork
    {
        private readonly DispatchOutputs _outputs = outputs;

        public void Execute(int item, int worker) => path.CopyBlock(item, request, _outputs);
    }

    private readonly struct CombineWork(
        DirectThroughputPath path,
        CombineRequest request,
        CombineOutputs outputs
    ) : ICpuWork
    {
        private readonly CombineOutputs _outputs = outputs;

        public void Execute(int item, int worker) => path.SumBlock(item, request, _outputs);
    }
}
