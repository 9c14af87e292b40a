// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

internal sealed partial class StorageClient
{
    /// <summary>
    /// Reads ranges of chunks. The outcome of each is in its entry; the method itself throws only when cancelled. A
    /// range's buffer belongs to the operation until it returns.
    /// </summary>
    public async ValueTask ReadAsync(
        ChunkRead[] reads,
        int count,
        CancellationToken cancellationToken
    )
    {
        var pacer = new RetryPacer(_context, _mgmtd);
        var pending = new int[count];
        for (var i = 0; i < count; i++)
        {
            pending[i] = i;
        }

        while (true)
        {
            pacer.Begin();
            await RoundAsync(reads, pending, pacer.RoundTimeout, cancellationToken)
                .ConfigureAwait(false);
            pending = Array.FindAll(pending, i => !reads[i].IsDone);
            if (pending.Length == 0)
            {
                return;
            }

            var reason = MostPatient(reads, pending);
            if (pacer.Next(reason.Code) is not { } wait)
            {
                FsLog.GaveUp(_context.Log, OperationName<BatchReadReq>.Value, reason);
                return;
            }

            await RetryPacer
                .WaitAsync(
                    _context,
                    _mgmtd,
                    OperationName<BatchReadReq>.Value,
                    reason,
                    wait,
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
    }

    /// <summary>The failure whose wait suits all pending ranges; a short one only if all are short.</summary>
    private static Status MostPatient(ChunkRead[] reads, int[] pending)
    {
        var reason = reads[pending[0]].Status;
        foreach (var i in pending)
        {
            if (!StorageErrors.IsShort(reads[i].Status.Code))
            {
                reason = reads[i].Status;
            }
        }

        return reason;
    }

    private async ValueTask RoundAsync(
        ChunkRead[] reads,
        int[] pending,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var batches = Route(reads, pending);
        if (batches.Count == 1)
        {
            await SendBatchAsync(reads, batches[0], timeout, cancellationToken)
                .ConfigureAwait(false);
            return;
        }

        var tasks = new Task[batches.Count];
        for (var i = 0; i < tasks.Length; i++)
        {
            tasks[i] = SendBatchAsync(reads, batches[i], timeout, cancellationToken).AsTask();
        }

        await Task.WhenAll(tasks).ConfigureAwait(false);
    }

    /// <summary>Chooses a replica for each range and groups the ranges into requests.</summary>
    private List<ReadBatch> Route(ChunkRead[] reads, int[] pending)
    {
        var options = _context.Options;
        var routing = _mgmtd.Routing;
        var use = new Dictionary<uint, int>();
        var open = new Dictionary<uint, ReadBatch>();
        var batches = new List<ReadBatch>();
        foreach (var i in pending)
        {
            ref var read = ref reads[i];
            if (routing.FindServing(read.ChainId) is not { } chain)
            {
                read.Status = UnknownChain(read.ChainId);
                continue;
            }

            if (!_picker.TryPick(chain, read.Avoided, use, out var target))
            {
                read.Status = NoneServing(read.ChainId);
                continue;
            }

            read.TargetId = target.TargetId;
            if (
                !open.TryGetValue(target.NodeId, out var batch)
                || batch.Count == options.MaximumBatchIos
                || batch.Bytes + read.Buffer.Length > options.MaximumBatchBytes
            )
            {
                var capacity = Math.Min(options.MaximumBatchIos, pending.Length);
                batch = new ReadBatch(target.NodeId, target.Address, capacity);
                open[target.NodeId] = batch;
                batches.Add(batch);
            }

            batch.Add(i, chain.ChainVersion, read);
        }

        return batches;
    }

    private async ValueTask SendBatchAsync(
        ChunkRead[] reads,
        ReadBatch batch,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var options = _context.Options;
        var request = new BatchReadReq
        {
            Payloads = batch.Payloads,
            Tag = _channels.ReadTag(),
            UserInfo = _context.User,
            FeatureFlags =
                FeatureFlags.SendDataInline
                | (options.AllowReadUncommitted ? FeatureFlags.AllowReadUncommitted : 0),
            ChecksumType = options.VerifyReads ? ChecksumType.Crc32c : ChecksumType.None,
        };
        var sink = new BatchReadSink(reads, batch.Indices, batch.Count);
        var result = await SendAsync(
                batch.NodeId,
                batch.Address,
                StorageMethod.BatchRead,
                request,
                timeout,
                sink,
                cancellationToken
            )
            .ConfigureAwait(false);
        if (!result.HasValue)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                Settle(ref reads[batch.Indices[i]], result.Status, batch.Address);
            }

            return;
        }

        if (!sink.IsFilled && !Distribute(reads, batch, result.Value))
        {
            var fault = new Status(
                StatusCode.StorageClientFoundBug,
                $"answer with {result.Value.Results.Count} results and {result.Value.Inlinebuf.Data.Length} bytes does not fit {batch.Count} ranges"
            );
            for (var i = 0; i < batch.Count; i++)
            {
                Settle(ref reads[batch.Indices[i]], fault, batch.Address);
            }

            return;
        }

        for (var i = 0; i < batch.Count; i++)
        {
            SettleRange(
                ref reads[batch.Indices[i]],
                result.Value.Results[i],
                sink.IsFilled ? sink.ChecksumOf(i) : null,
                batch.Address
            );
        }
    }

    /// <summary>Copies bulk bytes that were decoded in the ordinary way; false when they do not add up.</summary>
    private static bool Distribute(ChunkRead[] reads, ReadBatch batch, BatchReadRsp answer)
    {
        if (answer.Results.Count != batch.Count)
        {
            return false;
        }

        var data = answer.Inlinebuf.Data.Memory;
        for (var i = 0; i < batch.Count; i++)
        {
            var info = answer.Results[i].LengthInfo;
            if (!info.HasValue)
            {
                continue;
            }

            var buffer = reads[batch.Indices[i]].Buffer;
            if (info.Value > (uint)buffer.Length || info.Value > (uint)data.Length)
            {
                return false;
            }

            data[..(int)info.Value].CopyTo(buffer);
            data = data[(int)info.Value..];
        }

        return data.IsEmpty;
    }

    private void SettleRange(
        ref ChunkRead read,
        in IOResult result,
        uint? received,
        NodeAddress address
    )
    {
        if (!result.LengthInfo.HasValue)
        {
            Settle(ref read, result.LengthInfo.Status, address);
            return;
        }

        var length = (int)result.LengthInfo.Value;
        if (
            _context.Options.VerifyReads
            && length > 0
            && result.Checksum.Type == ChecksumType.Crc32c
        )
        {
            var actual = received ?? Crc32C.ChunkChecksum(read.Buffer.Span[..length]);
            if (actual != result.Checksum.Value)
            {
                var fault = new Status(
                    StatusCode.StorageClientChecksumMismatch,
                    $"chunk {read.Chunk}: {length} bytes at {read.Offset} have checksum 0x{actual:x8}, the server says 0x{result.Checksum.Value:x8}"
                );
                Settle(ref read, fault, address);
                return;
            }
        }

        read.BytesRead = length;
        read.Status = Status.Ok;
        read.IsDone = true;
    }

    private void Settle(ref ChunkRead read, Status status, NodeAddress address)
    {
        read.Status = AtNode(status, address, read.TargetId);
        var code = read.Status.Code;
        if (code == StatusCode.StorageClientChecksumMismatch)
        {
            FsLog.Corruption(_context.Log, read.Status);
        }

        if (StorageErrors.AvoidTarget(code))
        {
            (read.Avoided ??= []).Add(read.TargetId);
        }

        // Damaged data is final only when no other replica can be asked.
        read.IsDone =
            StorageErrors.IsPermanent(code)
            && !(code == StatusCode.StorageClientChecksumMismatch && HasOtherReplica(read));
    }

    private bool HasOtherReplica(in ChunkRead read)
    {
        if (
            _context.Options.ReadFrom is TargetSelection.Head or TargetSelection.Tail
            || _mgmtd.Routing.FindServing(read.ChainId) is not { } chain
        )
        {
            return false;
        }

        foreach (var target in chain.Targets)
        {
            if (!read.Avoided!.Contains(target.TargetId))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The ranges of one request.</summary>
    private sealed class ReadBatch(uint nodeId, NodeAddress address, int capacity)
    {
        public uint NodeId { get; } = nodeId;

        public NodeAddress Address { get; } = address;

        public List<ReadIO> Payloads { get; } = new(capacity);

        /// <summary>Positions of the ranges among all reads.</summary>
        public int[] Indices { get; } = new int[capacity];

        public int Count => Payloads.Count;

        public long Bytes { get; private set; }

        public void Add(int index, uint chainVersion, in ChunkRead read)
        {
            Indices[Count] = index;
            Bytes += read.Buffer.Length;
            Payloads.Add(
                new ReadIO
                {
                    Offset = read.Offset,
                    Length = (uint)read.Buffer.Length,
                    Key = new GlobalKey
                    {
                        VChainId = new VersionedChainId
                        {
                            ChainId = read.ChainId,
                            ChainVer = chainVersion,
                        },
                        ChunkId = read.Chunk,
                    },
                    // Servers check this size even when the data travels inside the message.
                    Rdmabuf = new RdmaRemoteBuf { Size = (ulong)read.Buffer.Length },
                }
            );
        }
    }
}
