// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Ep.Cpu;
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep.Engine;

/// <summary>
/// Ranks that only share symmetric memory: senders write records into fixed slots of the receivers, the done
/// signal announces them, and receivers gather them into their outputs. Slots are free again when all peers
/// have arrived at the next operation, because a rank arrives only after it emptied its slots.
/// </summary>
internal sealed unsafe class StagedThroughputPath : ThroughputPath
{
    private readonly ThroughputBuffer _buffer;
    private readonly StagedLayout _layout;
    private readonly SymmetricMemory _memory;
    private readonly IEpTransport _transport;
    private readonly int _ranks;
    private readonly int _rank;

    public StagedThroughputPath(ThroughputBuffer buffer, StagedLayout layout)
    {
        _buffer = buffer;
        _layout = layout;
        _memory = buffer.Memory;
        _transport = buffer.Transport;
        _ranks = buffer.Group.Size;
        _rank = buffer.Group.Rank;
    }

    public override void Announce(DispatchRequest request)
    {
        var counts = request.IsCached ? default : request.Plan.SendCount.AsSpan(0, _ranks);
        Notify(request.Shape, counts, request.IsCached ? default : request.TokensPerExpert);
    }

    public override void Announce(CombineRequest request) => Notify(request.Shape, [], []);

    public override void Announce(in CallShape shape) => Notify(shape, [], []);

    public override CallShape PeerShape(int rank) =>
        Unsafe.ReadUnaligned<CallShape>(NotifySlot(rank));

    public override int Count(int source, int target) =>
        ((int*)(NotifySlot(source) + CallShape.Bytes))[target];

    public override void AddExpertCounts(int source, Span<int> local)
    {
        var counts = (int*)(NotifySlot(source) + CallShape.Bytes) + _ranks;
        for (var i = 0; i < local.Length; i++)
            local[i] += counts[i];
    }

    public override void Transfer(DispatchRequest request, in DispatchOutputs outputs)
    {
        var record = new RecordShape(request);
        var threads = _buffer.ThreadsFor(request.Plan.EntryCount);
        var tokenBlocks = (request.Plan.TokenCount + BlockRows - 1) / BlockRows;
        var push = new PushWork(this, request, record);
        CpuParallel.Run(tokenBlocks, ref push, threads);
        Publish(request.Shape, "Dispatch", request.Cancellation);

        var gather = new GatherWork(this, request, record, outputs);
        CpuParallel.Run(_ranks, ref gather, _buffer.ThreadsFor(request.RecvTokens));
    }

    public override void Transfer(CombineRequest request, in CombineOutputs outputs)
    {
        var recordBytes = StagedLayout.CombineRecordFor(request.RowBytes, request.TopK);
        var push = new ReturnWork(this, request, recordBytes);
        CpuParallel.Run(_ranks, ref push, _buffer.ThreadsFor(request.Plan.RecvTokenCount));
        Publish(request.Shape, "Combine", request.Cancellation);

        var reduce = new ReduceWork(this, request, recordBytes, outputs);
        var tokens = request.Plan.TokenCount;
        CpuParallel.Run(
            (tokens + BlockRows - 1) / BlockRows,
            ref reduce,
            _buffer.ThreadsFor(request.Plan.EntryCount)
        );
    }

    private byte* NotifySlot(int source) =>
        _memory.Local + _layout.NotifyOffset + source * _layout.NotifyBytes;

    private void Notify(in CallShape shape, ReadOnlySpan<int> counts, ReadOnlySpan<int> perExpert)
    {
        var localExperts = perExpert.Length / _ranks;
        for (var peer = 0; peer < _ranks; peer++)
        {
            var message = _memory.Local + _layout.NotifySendOffset + peer * _layout.NotifyBytes;
            Unsafe.WriteUnaligned(message, shape);
            var numbers = (int*)(message + CallShape.Bytes);
            counts.CopyTo(new Span<int>(numbers, _ranks));
            perExpert
                .Slice(peer * localExperts, localExperts)
                .CopyTo(new Span<int>(numbers + _ranks, localExperts));
            _transport.Put(
                _memory,
                peer,
                _layout.NotifyOffset + _rank * _layout.NotifyBytes,
                message,
                CallShape.Bytes + (_ranks + (long)localExperts) * sizeof(int)
            );
        }
        _buffer.Signals.SignalAll(EpBuffer.ArriveSignal, shape.Sequence);
    }

    private void Publish(in CallShape shape, string operation, CancellationToken cancellation)
    {
        _transport.Quiet();
        _buffer.Signals.SignalAll(EpBuffer.DoneSignal, shape.Sequence);
        _buffer.WaitAll(EpBuffer.DoneSignal, shape.Sequence, operation, "transfer", cancellation);
    }

    private void PushBlock(int block, DispatchRequest request, in RecordShape record)
    {
        var plan = request.Plan;
        var end = Math.Min(plan.TokenCount, (block + 1) * BlockRows);
        var stream = plan.EntryCount * request.RowBytes > RowCopy.StreamingThreshold;
        for (long token = block * BlockRows; token < end; token++)
        {
            var x = request.X + token * request.XStrideBytes;
            // The side data of a token is the same for all its destinations.
            byte* side = null;
            for (var entry = plan.TokenStart[token]; entry < plan.TokenStart[token + 1]; entry++)
            {
                var target = plan.EntryRank[entry];
                var slot = (long)_rank * _buffer.Options.MaxTokensPerRank + plan.EntrySlot[entry];
                var offset = _layout.ReceiveOffset + slot * record.Bytes;
                var peer = _memory.Peer(target);
                if (peer != null)
                {
                    RowCopy.Copy(peer + offset, x, request.RowBytes, stream);
                    WriteSide(peer + offset + record.SideOffset, request, record, token);
                    continue;
                }
                if (side == null)
                {
                    side = _memory.Local + _layout.SendOffset + token * _layout.RecordBytes;
                    WriteSide(side, request, record, token);
                }
                _transport.Put(_memory, target, offset, x, request.RowBytes);
                _transport.Put(
                    _memory,
                    target,
                    offset + record.SideOffset,
                    side,
                    record.Bytes - record.SideOffset
                );
            }
        }
        if (stream)
            RowCopy.Fence();
    }

    private static void WriteSide(
        byte* side,
        DispatchRequest request,
        in RecordShape record,
        long token
    )
    {
        if (request.Scale != null)
        {
            var source = request.Scale + token * request.ScaleRowStrideBytes;
            for (var pack = 0; pack < request.ScalePacks; pack++)
                ((int*)side)[pack] = *(int*)(source + pack * request.ScalePackStrideBytes);
        }
        side += record.RoutingOffset - record.SideOffset;
        *(int*)side = (int)token;
        var indices = (int*)side + 2;
        if (request.TopkIdx != null)
        {
            for (var k = 0; k < request.TopK; k++)
                indices[k] = request.IndexIs64Bit
                    ? (int)((long*)request.TopkIdx)[token * request.TopkIdxStride + k]
                    : ((int*)request.TopkIdx)[token * request.TopkIdxStride + k];
        }
        if (request.TopkWeights != null)
        {
            var weights = request.TopkWeights + token * request.TopkWeightsStride;
            for (var k = 0; k < request.TopK; k++)
                ((float*)indices)[request.TopK + k] = weights[k];
        }
    }

    private void GatherFrom(
        int source,
        DispatchRequest request,
        in RecordShape record,
        in DispatchOutputs outputs
    )
    {
        var plan = request.Plan;
        var first = plan.RecvPrefix[source];
        var count = plan.RecvPrefix[source + 1] - first;
        var area =
            _memory.Local
            + _layout.ReceiveOffset
            + (long)source * _buffer.Options.MaxTokensPerRank * record.Bytes;
        for (var i = 0; i < count; i++)
        {
            var row = first + i;
            var slot = area + i * record.Bytes;
            RowCopy.Copy(
                outputs.X + row * outputs.RowBytes,
                slot,
                outputs.RowBytes,
                outputs.Stream
            );
            if (outputs.Scale != null)
                outputs.WriteScales(row, slot + record.SideOffset, sizeof(int));
            var routing = slot + record.RoutingOffset;
            var token = *(int*)routing;
            var indices = (int*)routing + 2;
            outputs.WriteSource(row, source, token);
            if (!request.IsCached)
            {
                plan.RecvSource[row] = token;
                if (outputs.TopkIdx != null)
                {
                    uint mask = 0;
                    for (var k = 0; k < outputs.TopK; k++)
                        if (outputs.WriteIndex(row, k, indices[k]))
                            mask |= 1u << k;
                    plan.RecvMask[row] = mask;
                }
            }
            if (outputs.TopkWeights != null)
                outputs.WriteWeights(row, plan.RecvMask[row], (float*)indices + outputs.TopK);
        }
        if (outputs.Stream)
            RowCopy.Fence();
    }

    /// <summary>Whether combine records are slotted by the sending rank; else by the highest position on it.</summary>
    private bool SlotByRank(RoutingPlan plan) => plan.TopK == 0 || _ranks <= plan.TopK;

    private void ReturnTo(int source, CombineRequest request, long recordBytes)
    {
        var plan = request.Plan;
        var byRank = SlotByRank(plan);
        var peer = _memory.Peer(source);
        var side = StagedLayout.Align(request.RowBytes, 32);
        var stream = plan.RecvTokenCount * request.RowBytes > RowCopy.StreamingThreshold;
        for (var row = plan.RecvPrefix[source]; row < plan.RecvPrefix[source + 1]; row++)
        {
            var slot = byRank
                ? _rank
                : 31 - System.Numerics.BitOperations.LeadingZeroCount(plan.RecvMask[row]);
            var offset =
                _layout.ReceiveOffset
                + ((long)slot * _buffer.Options.MaxTokensPerRank + plan.RecvSource[row])
                    * recordBytes;
            var x = request.X + row * request.XStrideBytes;
            var weights = request.Weights + row * request.WeightsStride;
            var weightBytes = request.TopK * (long)sizeof(float);
            if (peer != null)
            {
                RowCopy.Copy(peer + offset, x, request.RowBytes, stream);
                if (request.Weights != null)
                    Buffer.MemoryCopy(weights, peer + offset + side, weightBytes, weightBytes);
                continue;
            }
            _transport.Put(_memory, source, offset, x, request.RowBytes);
            if (request.Weights != null)
                _transport.Put(_memory, source, offset + side, weights, weightBytes);
        }
        if (stream)
            RowCopy.Fence();
    }

    private void ReduceBlock(
        int block,
        CombineRequest request,
        long recordBytes,
        in CombineOutputs outputs,
        byte** rows,
        float** weights
    )
    {
        var plan = request.Plan;
        var byRank = SlotByRank(plan);
        var area = _memory.Local + _layout.ReceiveOffset;
        var side = StagedLayout.Align(request.RowBytes, 32);
        var end = Math.Min(plan.TokenCount, (block + 1) * BlockRows);
        for (var token = block * BlockRows; token < end; token++)
        {
            var count = 0;
            for (var entry = plan.TokenStart[token]; entry < plan.TokenStart[token + 1]; entry++)
            {
                long slot = byRank ? plan.EntryRank[entry] : plan.EntryMaster[entry];
                var record = area + (slot * _buffer.Options.MaxTokensPerRank + token) * recordBytes;
                rows[2 + count] = record;
                weights[count] = (float*)(record + side);
                count++;
            }
            outputs.Reduce(token, rows, count);
            if (outputs.Weights != null)
                outputs.ReduceWeights(token, weights, count);
        }
        if (outputs.Stream)
            RowCopy.Fence();
    }

    /// <summary>Offsets inside a dispatch record.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly struct RecordShape
    {
        public RecordShape(DispatchRequest request)
        {
            SideOffset = StagedLayout.Align(request.RowBytes, 32);
            RoutingOffset = SideOffset + StagedLayout.Align(request.ScalePacks * 4L, 32);
            Bytes = StagedLayout.RecordFor(request.RowBytes, request.ScalePacks, request.TopK);
        }

        public long SideOffset { get; }

        public long RoutingOffset { get; }

        public long Bytes { get; }
    }

    private readonly struct PushWork(
        StagedThroughputPath path,
        DispatchRequest request,
        RecordShape record
    ) : ICpuWork
    {
        private readonly RecordShape _record = record;

        public void Execute(int item, int worker) => path.PushBlock(item, request, _record);
    }

    private readonly struct GatherWork(
        StagedThroughputPath path,
        DispatchRequest request,
        RecordShape record,
        DispatchOutputs outputs
    ) : ICpuWork
    {
        private readonly RecordShape _record = record;
        private readonly DispatchOutputs _outputs = outputs;

        public void Execute(int item, int worker) =>
            path.GatherFrom(item, request, _record, _outputs);
    }

    private readonly struct ReturnWork(
        StagedThroughputPath path,
        CombineRequest request,
        long recordBytes
    ) : ICpuWork
    {
        public void Execute(int item, int worker) => path.ReturnTo(item, request, recordBytes);
    }

    private readonly struct ReduceWork(
        StagedThroughputPath path,
        CombineRequest request,
        long recordBytes,
        CombineOutputs outputs
    ) : ICpuWork
    {
        private readonly CombineOutputs _outputs = outputs;

        public void Execute(int item, int worker)
        {
            // Two places for biases in front of at most one row per rank. 16 KiB for the largest group.
            var rows = stackalloc byte*[path._ranks + 2];
            var weights = stackalloc float*[path._ranks];
            path.ReduceBlock(item, request, recordBytes, _outputs, rows, weights);
        }
    }
}
