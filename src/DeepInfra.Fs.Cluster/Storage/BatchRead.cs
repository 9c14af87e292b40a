// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Runtime.InteropServices;
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// One batch of reads: all ranges are read into one buffer and answered in order. It stops where it would
/// have to wait for the disk and goes on from there on a thread that may.
/// </summary>
internal sealed class BatchRead
{
    // An answer is one frame, which the protocol limits to 512 MiB with everything around the data.
    private const long MaxBytes = 448L << 20;

    private readonly StorageNode _node;
    private readonly List<ReadIO> _ios;
    private readonly ChecksumType _checksumType;
    private readonly (ChunkTarget Target, ChunkLease? Lease)[] _chunks;
    private readonly List<IOResult> _results;
    private readonly InlineSegment[] _segments;
    private int _segmentCount;
    private Memory<byte> _free;
    private readonly RpcCallContext _context;
    private readonly int _bufferBytes;
    private long _bytes;
    private int _next;
    private bool _released;

    /// <summary>Pins the chunks; <see cref="ReserveAsync"/> comes next.</summary>
    /// <exception cref="ServiceException">A chain does not serve here at the version named.</exception>
    public BatchRead(BatchReadReq request, StorageNode node, RpcCallContext context)
    {
        var chains = node.Chains;
        _node = node;
        _ios = request.Payloads;
        _checksumType = request.ChecksumType;
        _chunks = new (ChunkTarget, ChunkLease?)[_ios.Count];
        _results = new List<IOResult>(_ios.Count);
        _segments = new InlineSegment[_ios.Count];
        var total = 0L;
        try
        {
            for (var i = 0; i < _ios.Count; i++)
            {
                var io = _ios[i];
                var target = chains.RequireServing(io.Key.VChainId).Target.Chunks;
                var lease = target.Acquire(io.Key.ChunkId);
                _chunks[i] = (target, lease);
                if (lease is { } open)
                {
                    total += ChunkTarget.BufferLength(open.Record, io.Offset, io.Length);
                }
            }
            if (total > MaxBytes)
            {
                throw new ServiceException(
                    StatusCode.InvalidArg,
                    $"{_ios.Count} ranges need {total} bytes, a batch of reads may have {MaxBytes}"
                );
            }
        }
        catch
        {
            Release();
            throw;
        }
        _bufferBytes = (int)total;
        _context = context;
    }

    /// <summary>Takes a buffer, which lives until the answer has been sent; waits while the caller has too many.</summary>
    /// <exception cref="OperationCanceledException">The caller is gone.</exception>
    public ValueTask ReserveAsync()
    {
        var reserved = _context.Connection.ReserveAsync(_bufferBytes);
        if (reserved.IsCompletedSuccessfully)
        {
            Rent();
            return ValueTask.CompletedTask;
        }
        return WaitAsync(reserved);

        async ValueTask WaitAsync(ValueTask turn)
        {
            try
            {
                await turn.ConfigureAwait(false);
            }
            catch
            {
                Release();
                throw;
            }
            Rent();
        }
    }

    /// <summary>Reads on; false when it must wait for the disk and may not.</summary>
    public bool TryRun(bool mayWait)
    {
        try
        {
            for (; _next < _ios.Count; _next++)
            {
                if (!TryReadOne(_ios[_next], mayWait))
                {
                    return false;
                }
            }
        }
        catch
        {
            Release();
            throw;
        }
        Release();
        return true;
    }

    /// <summary>The answer, once everything has been read.</summary>
    public BatchReadRsp Finish()
    {
        ClusterMetrics.Reads.Add(_ios.Count);
        ClusterMetrics.BytesRead.Add(_bytes);
        var response = new BatchReadRsp { Results = _results };
        response.Tag.ClientId.Uuid = Guid.NewGuid();
        response.Inlinebuf.Data = new InlineData(_segments, _segmentCount);
        return response;
    }

    private bool TryReadOne(ReadIO io, bool mayWait)
    {
        var (target, found) = _chunks[_next];
        if (found is not { } lease)
        {
            _results.Add(StorageService.NotFound(io.Key.ChunkId));
            return true;
        }
        try
        {
            var chunk = io.Key.ChunkId;
            if (
                !target.TryRead(
                    lease,
                    chunk,
                    io.Offset,
                    io.Length,
                    _free,
                    mayWait,
                    out var data,
                    out var checksum
                )
            )
            {
                return false;
            }
            _free = _free[ChunkTarget.BufferLength(lease.Record, io.Offset, io.Length)..];
            _results.Add(Success(lease.Record, (uint)data.Length, checksum));
            _bytes += data.Length;
            AddSegment(data, checksum);
        }
        catch (ChunkStoreException e)
        {
            _node.Tell(e);
            _results.Add(new IOResult { LengthInfo = e.Status });
        }
        return true;
    }

    /// <summary>Neighbours in the buffer leave as one piece.</summary>
    private void AddSegment(Memory<byte> data, uint checksum)
    {
        if (data.IsEmpty)
        {
            return;
        }
        if (_segmentCount > 0)
        {
            ref var last = ref _segments[_segmentCount - 1];
            if (TryJoin(last.Data, data, out var joined))
            {
                var all = ZeroCrc.Combine(
                    ZeroCrc.FromMessageForm(last.Checksum!.Value, last.Data.Length),
                    ZeroCrc.FromMessageForm(checksum, data.Length),
                    data.Length
                );
                last = new InlineSegment(joined, ZeroCrc.ToMessageForm(all, joined.Length));
                return;
            }
        }
        _segments[_segmentCount++] = new InlineSegment(data, checksum);
    }

    private static bool TryJoin(
        ReadOnlyMemory<byte> first,
        ReadOnlyMemory<byte> second,
        out ReadOnlyMemory<byte> joined
    )
    {
        if (
            MemoryMarshal.TryGetArray(first, out var a)
            && MemoryMarshal.TryGetArray(second, out var b)
            && a.Array == b.Array
            && a.Offset + a.Count == b.Offset
        )
        {
            joined = a.Array.AsMemory(a.Offset, a.Count + b.Count);
            return true;
        }
        joined = default;
        return false;
    }

    private IOResult Success(ChunkRecord record, uint length, uint checksum) =>
        new()
        {
            LengthInfo = length,
            CommitVer = record.CommitVersion,
            UpdateVer = record.UpdateVersion,
            Checksum =
                _checksumType == ChecksumType.None
                    ? default
                    : new ChecksumInfo { Type = ChecksumType.Crc32c, Value = checksum },
            CommitChainVer = record.ChainVersion,
        };

    private void Rent()
    {
        var buffer = new Buffer(_context.Connection, _bufferBytes);
        _context.DisposeAfterReply(buffer);
        _free = buffer.Memory;
    }

    private void Release()
    {
        if (_released)
        {
            return;
        }
        _released = true;
        foreach (var (_, lease) in _chunks)
        {
            lease?.Dispose();
        }
    }

    private sealed class Buffer(RpcConnection connection, int length) : IDisposable
    {
        private readonly IMemoryOwner<byte> _owner = MemoryPool<byte>.Shared.Rent(
            Math.Max(1, length)
        );

        public Memory<byte> Memory => _owner.Memory;

        public void Dispose()
        {
            _owner.Dispose();
            connection.Unreserve(length);
        }
    }
}
