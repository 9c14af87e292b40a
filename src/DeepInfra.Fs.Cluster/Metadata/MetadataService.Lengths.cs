// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

internal sealed partial class MetadataService
{
    private async ValueTask<SyncRsp> SyncAsync(SyncReq request, CancellationToken ct)
    {
        if (request is { Truncated: true, UpdateLength: false })
        {
            throw Bad("sync of a truncation without updating the length");
        }
        var change = new FileChange(
            request.Inode,
            request.UpdateLength,
            request.Truncated,
            request.LengthHint,
            request.Atime,
            request.Mtime,
            null
        );
        return new SyncRsp { Stat = await ApplyAsync(change, ct).ConfigureAwait(false) };
    }

    private async ValueTask<CloseRsp> CloseAsync(CloseReq request, CancellationToken ct)
    {
        if (request.Session is null && (request.UpdateLength || request.Mtime is not null))
        {
            throw Bad("close that changes the file without a session");
        }
        var change = new FileChange(
            request.Inode,
            request.UpdateLength,
            false,
            request.LengthHint,
            request.Atime,
            request.Mtime,
            request.Session?.Session
        );
        return new CloseRsp { Stat = await ApplyAsync(change, ct).ConfigureAwait(false) };
    }

    /// <summary>
    /// Applies new times and the new length. The length comes from the writer's hint where that is enough;
    /// otherwise storage is asked, inside the transaction: whatever another writer reports meanwhile repeats it,
    /// so an answer that is older than that report never becomes the length.
    /// </summary>
    private async ValueTask<Inode> ApplyAsync(FileChange change, CancellationToken ct) =>
        await _store
            .WriteAsync(
                async t =>
                {
                    var view = new MetaView(t);
                    var inode = view.Inode(change.Inode);
                    if (change.UpdateLength)
                    {
                        if (inode.Type is not FileInode file)
                        {
                            throw new ServiceException(
                                StatusCode.MetaNotFile,
                                $"inode {change.Inode:x} is not a file"
                            );
                        }
                        if (!TakeHint(file, change))
                        {
                            var real = await LengthInStorageAsync(inode.Id, file, ct)
                                .ConfigureAwait(false);
                            SetLength(file, change, real);
                        }
                    }
                    if (change.Session is { } session)
                    {
                        t.Delete(MetaKeys.Session(change.Inode, session));
                    }
                    Touch(inode, change);
                    view.Put(inode);
                    return inode;
                },
                ct
            )
            .ConfigureAwait(false);

    /// <summary>False when the real length has to be asked for.</summary>
    private static bool TakeHint(FileInode file, FileChange change)
    {
        if (change.Hint is not { } hint || change.Truncated)
        {
            return false;
        }
        if (hint.Length <= file.Length && hint.TruncateVer >= file.TruncateVer)
        {
            return true;
        }
        if (hint.TruncateVer == file.TruncateVer)
        {
            file.Length = hint.Length;
            return true;
        }
        return false;
    }

    private static void SetLength(FileInode file, FileChange change, ulong real)
    {
        if (change.Truncated || real < file.Length)
        {
            file.TruncateVer++;
        }
        file.Length = real;
    }

    private void Touch(Inode inode, FileChange change)
    {
        // Late reports of other clients must not move the times back.
        if (change.Atime is { } atime)
        {
            inode.Atime = Math.Max(inode.Atime, TimeOf(atime));
        }
        if (change.Mtime is { } mtime)
        {
            inode.Mtime = Math.Max(inode.Mtime, TimeOf(mtime));
        }
        if (change.UpdateLength || change.Mtime is not null)
        {
            inode.Ctime = Math.Max(inode.Ctime, Now());
        }
    }

    /// <summary>The end of the last chunk over all chains of the file.</summary>
    private async ValueTask<ulong> LengthInStorageAsync(
        ulong id,
        FileInode file,
        CancellationToken ct
    )
    {
        var chains = _layouts.ChainsOf(file);
        var queries = new List<Task<QueryLastChunkResult>>(chains.Count);
        foreach (var chain in chains)
        {
            queries.Add(_chunks.QueryLastChunkAsync(chain, id, ct).AsTask());
        }
        var length = 0ul;
        foreach (var result in await Task.WhenAll(queries).ConfigureAwait(false))
        {
            if (result.TotalNumChunks > 0)
            {
                var begin = (ulong)result.LastChunkId.ChunkIndex * file.Layout.ChunkSize;
                length = Math.Max(length, begin + result.LastChunkLen);
            }
        }
        return length;
    }

    /// <summary>What a sync or close asks for.</summary>
    private sealed record FileChange(
        ulong Inode,
        bool UpdateLength,
        bool Truncated,
        VersionedLength? Hint,
        long? Atime,
        long? Mtime,
        Guid? Session
    );
}
