// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Manager;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

internal sealed partial class MetadataService
{
    // Slots that a dynamically striped file starts with.
    private const uint FirstDynamicStripe = 16;

    private void MapFiles(RpcService service) =>
        service
            .On<CreateReq, CreateRsp>(MetaMethod.Create, "create", CreateAsync)
            .On<OpenReq, OpenRsp>(MetaMethod.Open, "open", OpenAsync)
            .On<SyncReq, SyncRsp>(MetaMethod.Sync, "sync", SyncAsync)
            .On<CloseReq, CloseRsp>(MetaMethod.Close, "close", CloseAsync)
            .On<PruneSessionReq, PruneSessionRsp>(
                MetaMethod.PruneSession,
                "pruneSession",
                PruneSessionAsync
            )
            .On<TruncateReq, TruncateRsp>(
                MetaMethod.Truncate,
                "truncate",
                _ =>
                    throw new NotSupportedException(
                        "truncation is driven by the client: removeChunks, truncateChunks, sync"
                    )
            );

    private async ValueTask<OpenRsp> OpenAsync(OpenReq request, CancellationToken ct)
    {
        CheckOpen(request.Flags, request.Session, request.RemoveChunksBatchSize);
        if ((request.Flags & OpenFlags.Create) != 0)
        {
            throw new ServiceException(StatusCode.InvalidArg, "open with O_CREAT; use create");
        }
        return await _store
            .WriteAsync(
                t =>
                {
                    var view = new MetaView(t);
                    var at = new PathResolver(view, request.User).Resolve(request.Path, true);
                    var inode = Open(
                        view,
                        at.Existing,
                        request,
                        request.Flags,
                        request.Session,
                        request.DynStripe
                    );
                    return new OpenRsp
                    {
                        Stat = inode,
                        NeedTruncate = Truncates(request.Flags, inode),
                    };
                },
                ct
            )
            .ConfigureAwait(false);
    }

    private async ValueTask<CreateRsp> CreateAsync(CreateReq request, CancellationToken ct)
    {
        CheckOpen(request.Flags, request.Session, request.RemoveChunksBatchSize);
        if ((request.Flags & OpenFlags.Directory) != 0)
        {
            throw new ServiceException(StatusCode.InvalidArg, "create with O_DIRECTORY");
        }
        using var ids = await _ids.RentAsync(1, ct).ConfigureAwait(false);
        return await _store
            .WriteAsync(t => Create(new MetaView(t), request, ids), ct)
            .ConfigureAwait(false);
    }

    private CreateRsp Create(MetaView view, CreateReq request, InodeIds.Lease ids)
    {
        ids.Reset();
        var exclusive = (request.Flags & OpenFlags.Exclusive) != 0;
        var at = new PathResolver(view, request.User).ResolveName(request.Path, !exclusive);
        if (at.Inode is { } existing)
        {
            if (exclusive)
            {
                throw new ServiceException(StatusCode.MetaExists);
            }
            var opened = Open(
                view,
                existing,
                request,
                request.Flags,
                request.Session,
                request.DynStripe
            );
            return new CreateRsp { Stat = opened, NeedTruncate = Truncates(request.Flags, opened) };
        }
        if (at.Name.Length == 0)
        {
            throw MetaView.NotFound($"'{request.Path.Path}'");
        }
        var directory = WritableDirectory(view, at.Parent, request);
        var layout = _layouts.Allocate(request.Layout ?? ((DirectoryInode)directory.Type).Layout);
        var file = new FileInode
        {
            Layout = layout,
            DynStripe =
                request.DynStripe && layout.StripeSize > FirstDynamicStripe
                    ? FirstDynamicStripe
                    : 0,
        };
        var acl = NewAcl(directory, request.User, request.Perm, false);
        var inode = NewInode(ids.Next(), file, acl);
        view.Put(inode);
        view.Put(NewEntry(directory.Id, at.Name, inode, request.Uuid));
        AddSession(view, inode.Id, request.Flags, request.Session);
        return new CreateRsp { Stat = inode };
    }

    private Inode Open(
        MetaView view,
        Inode inode,
        MetaRequest request,
        OpenFlags flags,
        SessionInfo? session,
        bool dynStripe
    )
    {
        var writes = Writes(flags);
        if (inode.Type is DirectoryInode)
        {
            if (writes)
            {
                throw new ServiceException(
                    StatusCode.MetaIsDirectory,
                    "a directory cannot be written"
                );
            }
        }
        else if ((flags & OpenFlags.Directory) != 0)
        {
            throw new ServiceException(StatusCode.MetaNotDirectory, "the path is not a directory");
        }
        var access = flags & OpenFlags.AccessMask;
        var wanted =
            access == OpenFlags.ReadOnly ? Access.Read
            : access == OpenFlags.WriteOnly ? Access.Write
            : Access.Read | Access.Write;
        Access.Check(inode.Acl, request.User, wanted);
        if (!writes)
        {
            return inode;
        }
        Access.CheckMutable(inode.Acl);
        AddSession(view, inode.Id, flags, session);
        var changed = false;
        if (request.User.Uid != inode.Acl.Uid && (inode.Acl.Perm & Access.SpecialBits) != 0)
        {
            // What another user writes must not run with the owner's rights.
            inode.Acl.Perm &= ~Access.SpecialBits;
            changed = true;
        }
        if (!dynStripe && inode.Type is FileInode { DynStripe: > 0 } file)
        {
            // A writer that does not manage the stripe may use every slot from now on.
            file.DynStripe = 0;
            changed = true;
        }
        if (changed)
        {
            view.Put(inode);
        }
        return inode;
    }

    private void AddSession(MetaView view, ulong inode, OpenFlags flags, SessionInfo? session)
    {
        if (session is { } open && Writes(flags))
        {
            view.Transaction.Put(
                MetaKeys.Session(inode, open.Session),
                Serde.ToArray(new FileSession { Client = open.Client, Opened = _clock.Now() })
            );
        }
    }

    private static bool Truncates(OpenFlags flags, Inode inode) =>
        (flags & OpenFlags.Truncate) != 0 && inode.Type is FileInode;

    private static bool Writes(OpenFlags flags) =>
        (flags & OpenFlags.AccessMask) is OpenFlags.WriteOnly or OpenFlags.ReadWrite;

    private static void CheckOpen(OpenFlags flags, SessionInfo? session, uint removeBatch)
    {
        var writes = Writes(flags);
        if ((flags & OpenFlags.AccessMask) == OpenFlags.AccessMask)
        {
            throw Bad($"access mode of flags {(int)flags:x}");
        }
        if (writes && session is null)
        {
            throw Bad("session not set");
        }
        if (
            session is { } given
            && (given.Client.Uuid == Guid.Empty || given.Session == Guid.Empty)
        )
        {
            throw Bad("session without client or session id");
        }
        if (!writes && (flags & (OpenFlags.Truncate | OpenFlags.Append)) != 0)
        {
            throw Bad("O_TRUNC and O_APPEND need write access");
        }
        if ((flags & OpenFlags.Directory) != 0 && (writes || (flags & OpenFlags.Truncate) != 0))
        {
            throw Bad("O_DIRECTORY with write access");
        }
        if ((flags & OpenFlags.Truncate) != 0 && removeBatch == 0)
        {
            throw Bad("O_TRUNC with a removal batch of 0");
        }
    }

    private async ValueTask<PruneSessionRsp> PruneSessionAsync(
        PruneSessionReq request,
        CancellationToken ct
    )
    {
        var wanted = request.Sessions.ToHashSet();
        await _store
            .WriteAsync(
                t =>
                {
                    foreach (var (key, value) in t.Scan(MetaKeys.AllSessions, int.MaxValue, false))
                    {
                        if (
                            wanted.Contains(MetaKeys.ParseSession(key).Session)
                            && Serde.Read<FileSession>(value).Client.Uuid
                                == request.SessionClient.Uuid
                        )
                        {
                            t.Delete(key);
                        }
                    }
                    return true;
                },
                ct
            )
            .ConfigureAwait(false);
        return new PruneSessionRsp();
    }

    /// <summary>
    /// Ends the file sessions of clients that the manager does not know. Not before the sessions have been
    /// recorded for the time-out: after a restart live clients need their interval to be known again.
    /// </summary>
    /// <returns>How many were ended.</returns>
    internal async Task<int> PruneDeadSessionsAsync(
        SessionRegistry clients,
        TimeSpan timeout,
        CancellationToken ct
    )
    {
        var limit = _clock.Now() - (long)timeout.TotalMicroseconds;
        if (clients.Age < timeout)
        {
            return 0;
        }
        var live = clients
            .All()
            .Select(s => s.ClientId)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return await _store
            .WriteAsync(
                t =>
                {
                    var ended = 0;
                    foreach (var (key, value) in t.Scan(MetaKeys.AllSessions, int.MaxValue, false))
                    {
                        var session = Serde.Read<FileSession>(value);
                        if (session.Opened < limit && !live.Contains($"{session.Client.Uuid}"))
                        {
                            t.Delete(key);
                            ended++;
                        }
                    }
                    return ended;
                },
                ct
            )
            .ConfigureAwait(false);
    }

    private static ServiceException Bad(string reason) => new(StatusCode.InvalidArg, reason);
}
