// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.Storage;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

public sealed partial class ThreeFsFile
{
    private protected override async ValueTask<int> ReadCoreAsync(
        Memory<byte> buffer,
        long offset,
        CancellationToken cancellationToken
    )
    {
        var length = await LengthForAsync(offset + buffer.Length, cancellationToken)
            .ConfigureAwait(false);
        var count = (int)Math.Clamp(length - offset, 0, buffer.Length);
        if (count == 0)
        {
            return 0;
        }

        var reads = ArrayPool<ChunkRead>.Shared.Rent(CountOf(offset, count));
        try
        {
            var used = Split(reads, 0, buffer[..count], offset);
            await _client.Storage.ReadAsync(reads, used, cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < used; i++)
            {
                Check(reads[i]);
            }

            return count;
        }
        finally
        {
            ArrayPool<ChunkRead>.Shared.Return(reads, clearArray: true);
        }
    }

    private protected override async ValueTask ReadBatchCoreAsync(
        IReadOnlyList<FileRead> reads,
        CancellationToken cancellationToken
    )
    {
        long end = 0;
        foreach (var read in reads)
        {
            end = Math.Max(end, read.Offset + read.Buffer.Length);
        }

        var length = await LengthForAsync(end, cancellationToken).ConfigureAwait(false);
        var total = 0;
        foreach (var read in reads)
        {
            read.BytesRead = (int)Math.Clamp(length - read.Offset, 0, read.Buffer.Length);
            total += CountOf(read.Offset, read.BytesRead);
        }

        if (total == 0)
        {
            return;
        }

        var ranges = ArrayPool<ChunkRead>.Shared.Rent(total);
        try
        {
            var used = 0;
            foreach (var read in reads)
            {
                used = Split(ranges, used, read.Buffer[..read.BytesRead], read.Offset);
            }

            await _client.Storage.ReadAsync(ranges, used, cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < used; i++)
            {
                Check(ranges[i]);
            }
        }
        finally
        {
            ArrayPool<ChunkRead>.Shared.Return(ranges, clearArray: true);
        }
    }

    private protected override async ValueTask WriteCoreAsync(
        ReadOnlyMemory<byte> buffer,
        long offset,
        CancellationToken cancellationToken
    )
    {
        // The end is checked first, so that nothing is written of a range that does not fit.
        _layout.ChunkIndexOf(checked(offset + buffer.Length - 1));
        var piece = Math.Min(_layout.ChunkSize, (uint)_client.Options.MaximumBatchBytes);
        var writes = ArrayPool<ChunkWrite>.Shared.Rent(PiecesOf(offset, buffer.Length, piece));
        var used = 0;
        try
        {
            var position = offset;
            for (var rest = buffer; !rest.IsEmpty; used++)
            {
                var index = _layout.ChunkIndexOf(position);
                var inChunk = (uint)(position % _layout.ChunkSize);
                var fits = Math.Min(piece - (inChunk % piece), _layout.ChunkSize - inChunk);
                var count = (int)Math.Min(fits, (uint)rest.Length);
                writes[used] = new ChunkWrite
                {
                    ChainId = ChainOf(index),
                    Chunk = new ChunkId(InodeId, track: 0, index),
                    ChunkSize = _layout.ChunkSize,
                    Offset = inChunk,
                    Data = rest[..count],
                };
                rest = rest[count..];
                position += count;
            }

            await _client.Storage.WriteAsync(writes, used, cancellationToken).ConfigureAwait(false);
            long end = offset;
            Status failure = default;
            var failed = default(ChunkWrite);
            for (var i = 0; i < used; i++)
            {
                end += writes[i].Data.Length;
                if (writes[i].Status.IsOk)
                {
                    Wrote(end);
                }
                else if (failure.IsOk)
                {
                    failure = writes[i].Status;
                    failed = writes[i];
                }
            }

            if (!failure.IsOk)
            {
                throw ThreeFsErrors.ToException(
                    failure,
                    $"write {failed.Data.Length} bytes at {failed.Offset} of chunk {failed.Chunk} on chain {failed.ChainId}",
                    Path
                );
            }
        }
        finally
        {
            ArrayPool<ChunkWrite>.Shared.Return(writes, clearArray: true);
        }
    }

    /// <summary>The length to clamp a read to; asks again when the read would end beyond what is known.</summary>
    internal async ValueTask<long> LengthForAsync(long end, CancellationToken cancellationToken)
    {
        if (end > EffectiveLength)
        {
            await RefreshLengthAsync(cancellationToken).ConfigureAwait(false);
        }

        return EffectiveLength;
    }

    /// <summary>Upper bound of the entries that <see cref="Split"/> makes of a range to read.</summary>
    internal int CountOf(long offset, int count) =>
        PiecesOf(offset, count, Math.Min(_layout.ChunkSize, (uint)_client.Options.MaximumIoBytes));

    /// <summary>Upper bound of the pieces that a range is cut into.</summary>
    private int PiecesOf(long offset, int count, uint piece)
    {
        if (count == 0)
        {
            return 0;
        }

        var chunks = ((offset + count - 1) / _layout.ChunkSize) - (offset / _layout.ChunkSize) + 1;
        return checked((int)(chunks + ((count + piece - 1) / piece)));
    }

    /// <summary>Cuts a range into reads of chunks; returns the number of entries used.</summary>
    internal int Split(ChunkRead[] reads, int used, Memory<byte> buffer, long offset)
    {
        while (!buffer.IsEmpty)
        {
            var index = _layout.ChunkIndexOf(offset);
            var inChunk = (uint)(offset % _layout.ChunkSize);
            var count = (int)
                Math.Min(
                    Math.Min(_layout.ChunkSize - inChunk, (uint)_client.Options.MaximumIoBytes),
                    (uint)buffer.Length
                );
            reads[used++] = new ChunkRead
            {
                ChainId = ChainOf(index),
                Chunk = new ChunkId(InodeId, track: 0, index),
                Offset = inChunk,
                Buffer = buffer[..count],
            };
            buffer = buffer[count..];
            offset += count;
        }

        return used;
    }

    /// <summary>Turns the outcome of a range into bytes: what was never written reads as zeros.</summary>
    internal void Check(in ChunkRead read)
    {
        if (read.Status.IsOk && read.BytesRead == read.Buffer.Length)
        {
            return;
        }

        var isHole = read.Status.IsOk || read.Status.Code == StatusCode.StorageClientChunkNotFound;
        if (!isHole)
        {
            throw ThreeFsErrors.ToException(
                read.Status,
                $"read {read.Buffer.Length} bytes at {read.Offset} of chunk {read.Chunk} on chain {read.ChainId}",
                Path
            );
        }

        if (!_client.Options.AllowHoles)
        {
            throw ThreeFsErrors.ToException(
                new Status(StatusCode.ClientAgentHoleInIoOutcome),
                $"read {read.Buffer.Length} bytes at {read.Offset} of chunk {read.Chunk}: {read.BytesRead} were written",
                Path
            );
        }

        read.Buffer.Span[read.BytesRead..].Clear();
    }

    private uint ChainOf(uint chunkIndex) =>
        _layout.ChainOf(_client.Mgmtd.Routing, chunkIndex)
        ?? throw ThreeFsErrors.ToException(
            new Status(
                StatusCode.MgmtdClientRoutingInfoNotReady,
                $"chain table {_layout.TableId} version {_layout.TableVersion} is unknown"
            ),
            $"locate chunk {chunkIndex}",
            Path
        );
}
