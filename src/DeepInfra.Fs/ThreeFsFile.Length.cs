// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

public sealed partial class ThreeFsFile
{
    private readonly Lock _lengthLock = new();
    private long _knownLength;
    private ulong _truncateVersion;
    private long _writtenEnd;
    private int _dirty;

    private long EffectiveLength
    {
        get
        {
            lock (_lengthLock)
            {
                return Math.Max(_knownLength, _writtenEnd);
            }
        }
    }

    private protected override async ValueTask<long> GetLengthCoreAsync(
        CancellationToken cancellationToken
    )
    {
        await RefreshLengthAsync(cancellationToken).ConfigureAwait(false);
        return EffectiveLength;
    }

    /// <summary>
    /// Cuts or extends the file as clients of this file system do: remove the chunks beyond the end, set the length
    /// of the last one, then report.
    /// </summary>
    private protected override async ValueTask SetLengthCoreAsync(
        long length,
        CancellationToken cancellationToken
    )
    {
        if (length > _layout.MaximumFileBytes)
        {
            throw new IOException(
                $"'{Path}': length {length} exceeds the {_layout.MaximumFileBytes} bytes that the layout can hold"
            );
        }

        await RefreshLengthAsync(cancellationToken).ConfigureAwait(false);
        var growing = length >= EffectiveLength;
        if (!growing)
        {
            await RemoveChunksAsync(length, cancellationToken).ConfigureAwait(false);
        }

        if (length > 0)
        {
            var last = _layout.ChunkIndexOf(length - 1);
            var status = await _client
                .Storage.TruncateChunkAsync(
                    ChainOf(last),
                    new ChunkId(InodeId, track: 0, last),
                    (uint)(length - ((long)last * _layout.ChunkSize)),
                    _layout.ChunkSize,
                    onlyExtend: growing,
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (!status.IsOk)
            {
                throw ThreeFsErrors.ToException(status, $"set the length to {length}", Path);
            }
        }

        lock (_lengthLock)
        {
            _writtenEnd = 0;
            _knownLength = length;
        }

        await SyncAsync(exact: true, truncated: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Empties the file after an open with truncation that left the chunks to the client.</summary>
    internal ValueTask TruncateOnOpenAsync(CancellationToken cancellationToken)
    {
        lock (_lengthLock)
        {
            // Whatever length the service has, chunks may exist: take the way of a shrinking file.
            _knownLength = Math.Max(_knownLength, 1);
        }

        return SetLengthAsync(0, cancellationToken);
    }

    private async ValueTask RemoveChunksAsync(long length, CancellationToken cancellationToken)
    {
        var firstGone = (length + _layout.ChunkSize - 1) / _layout.ChunkSize;
        if (firstGone >= Metadata.FileLayout.MaximumChunks)
        {
            return;
        }

        var begin = new ChunkId(InodeId, track: 0, (uint)firstGone);
        var end = ChunkId.EndOfFile(InodeId);
        var chains = new HashSet<uint>();
        for (uint i = 0; i < (uint)_layout.Slots.Length; i++)
        {
            chains.Add(ChainOf(i));
        }

        var removals = chains.Select(chain =>
            _client.Storage.RemoveChunksAsync(chain, begin, end, cancellationToken).AsTask()
        );
        foreach (var result in await Task.WhenAll(removals).ConfigureAwait(false))
        {
            if (!result.HasValue)
            {
                throw ThreeFsErrors.ToException(
                    result.Status,
                    $"remove the chunks beyond {length}",
                    Path
                );
            }
        }
    }

    private async ValueTask RefreshLengthAsync(CancellationToken cancellationToken)
    {
        var request = new StatReq { Path = new PathAt { Parent = InodeId } };
        var result = await _client
            .Meta.QueryAsync<StatReq, StatRsp>(MetaMethod.Stat, request, cancellationToken)
            .ConfigureAwait(false);
        if (!result.HasValue)
        {
            throw ThreeFsErrors.ToException(result.Status, "look up the length", Path);
        }

        Adopt(result.Value.Stat);
    }

    private async ValueTask SyncAsync(
        bool exact,
        bool truncated,
        CancellationToken cancellationToken
    )
    {
        // Cleared first: a write that finishes meanwhile sets it again and is reported by the next sync.
        Interlocked.Exchange(ref _dirty, 0);
        var request = new SyncReq
        {
            Inode = InodeId,
            UpdateLength = true,
            Mtime = ThreeFsClient.Now,
            Truncated = truncated,
            LengthHint = exact ? null : Hint(),
        };
        var result = await _client
            .Meta.QueryAsync<SyncReq, SyncRsp>(MetaMethod.Sync, request, cancellationToken)
            .ConfigureAwait(false);
        if (!result.HasValue)
        {
            Interlocked.Exchange(ref _dirty, 1);
            throw ThreeFsErrors.ToException(result.Status, "report the length", Path);
        }

        Adopt(result.Value.Stat);
    }

    private VersionedLength Hint()
    {
        lock (_lengthLock)
        {
            return new VersionedLength
            {
                Length = (ulong)_writtenEnd,
                TruncateVer = _truncateVersion,
            };
        }
    }

    private void Adopt(Inode inode)
    {
        if (inode.Type is not FileInode file)
        {
            return;
        }

        lock (_lengthLock)
        {
            _knownLength = (long)Math.Min(file.Length, long.MaxValue);
            _truncateVersion = Math.Max(_truncateVersion, file.TruncateVer);
        }
    }

    private void Wrote(long end)
    {
        lock (_lengthLock)
        {
            _writtenEnd = Math.Max(_writtenEnd, end);
        }

        Interlocked.Exchange(ref _dirty, 1);
    }
}
