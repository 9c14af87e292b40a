// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

public sealed partial class ThreeFsFile
{
    private readonly Lock _lengthLock = new();
    private readonly SemaphoreSlim _reports = new(1, 1);
    private long _knownLength;

    // The truncation that _writtenEnd is counted from.
    private ulong _truncateVersion;
    private long _writtenEnd;
    private bool _dirty;
    private bool _reporting;
    private bool _owesExact;

    /// <summary>Whether something was written that no report has carried.</summary>
    private bool IsDirty
    {
        get
        {
            lock (_lengthLock)
            {
                return _dirty;
            }
        }
    }

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
            var chunk = new ChunkId(InodeId, track: 0, last);
            var status = await _client
                .Storage.TruncateChunkAsync(
                    ChainOf(last),
                    chunk,
                    (uint)(length - ((long)last * _layout.ChunkSize)),
                    _layout.ChunkSize,
                    onlyExtend: growing,
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (!status.IsOk)
            {
                throw ThreeFsErrors.ToException(
                    status,
                    $"set the length to {length} at chunk {chunk} on chain {ChainOf(last)}",
                    Path
                );
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
                    $"remove the chunks from {begin} on",
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
        await _reports.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await ReportAsync(exact, truncated, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _reports.Release();
        }
    }

    /// <summary>Reports the length; one report of a file at a time.</summary>
    private async ValueTask ReportAsync(
        bool exact,
        bool truncated,
        CancellationToken cancellationToken
    )
    {
        VersionedLength? hint;
        lock (_lengthLock)
        {
            // An exact report that failed is owed: a hint cannot tell that the file became shorter.
            _owesExact |= exact;
            hint = Hint();
            // Cleared first: a write that finishes meanwhile sets it again and is reported by the next sync.
            _dirty = false;
            _reporting = true;
        }

        var request = new SyncReq
        {
            Inode = InodeId,
            UpdateLength = true,
            Mtime = ThreeFsClient.Now,
            Truncated = truncated,
            LengthHint = hint,
        };
        var reported = false;
        try
        {
            var result = await _client
                .Meta.QueryAsync<SyncReq, SyncRsp>(MetaMethod.Sync, request, cancellationToken)
                .ConfigureAwait(false);
            if (!result.HasValue)
            {
                throw ThreeFsErrors.ToException(result.Status, "report the length", Path);
            }

            reported = true;
            lock (_lengthLock)
            {
                _reporting = false;
                _owesExact &= hint is not null;
                Adopt(result.Value.Stat);
            }
        }
        finally
        {
            if (!reported)
            {
                lock (_lengthLock)
                {
                    // Failed or cancelled: the next report or the close has to carry the length.
                    _reporting = false;
                    _dirty = true;
                }
            }
        }
    }

    /// <summary>How far this handle has written; null asks the service to find the length in storage.</summary>
    private VersionedLength? Hint()
    {
        lock (_lengthLock)
        {
            return _owesExact
                ? null
                : new VersionedLength
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
            if (file.TruncateVer > _truncateVersion && !_dirty && !_reporting)
            {
                // Somebody cut the file: what was written before does not tell its end any more. With writes that
                // were not reported the version stays old, which makes the service ask the storage servers.
                _truncateVersion = file.TruncateVer;
                _writtenEnd = 0;
            }
        }
    }

    private void Wrote(long end)
    {
        lock (_lengthLock)
        {
            _writtenEnd = Math.Max(_writtenEnd, end);
            _dirty = true;
        }
    }
}
