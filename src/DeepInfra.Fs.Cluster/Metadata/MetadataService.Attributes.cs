// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

internal sealed partial class MetadataService
{
    private async ValueTask<SetAttrRsp> SetAttrAsync(SetAttrReq request, CancellationToken ct)
    {
        if (request.Iflags is { } flags && (flags & ~InodeFlags.All) != 0)
        {
            throw Bad($"inode flags {(uint)flags:x} beyond {(uint)InodeFlags.All:x}");
        }
        if (request.Layout is not null)
        {
            _layouts.CheckDirectory(request.Layout);
        }
        return await _store
            .WriteAsync(
                t =>
                {
                    var view = new MetaView(t);
                    var at = new PathResolver(view, request.User).Resolve(
                        request.Path,
                        (request.Flags & AtFlags.SymlinkNoFollow) == 0
                    );
                    // By path or by inode: in both cases the inode is read with conflict check.
                    var inode = view.Inode(at.Existing.Id);
                    SetOwner(inode, request);
                    SetPermission(inode, request);
                    SetTimes(inode, request);
                    SetLayout(inode, request);
                    SetFlags(inode, request);
                    SetStripe(inode, request);
                    view.Put(inode);
                    RefreshEntry(view, inode);
                    return new SetAttrRsp { Stat = inode };
                },
                ct
            )
            .ConfigureAwait(false);
    }

    private void SetOwner(Inode inode, SetAttrReq request)
    {
        if (request.Uid is { } uid && uid != inode.Acl.Uid)
        {
            if (request.User.Uid != 0)
            {
                throw new ServiceException(
                    StatusCode.MetaNoPermission,
                    "only root changes the owner"
                );
            }
            inode.Acl.Uid = uid;
            inode.Ctime = Now();
        }
        if (request.Gid is { } gid && gid != inode.Acl.Gid)
        {
            Access.CheckOwner(inode.Acl, request.User, "changing the group");
            if (request.User.Uid != 0 && !Access.IsMember(request.User, gid))
            {
                throw new ServiceException(
                    StatusCode.MetaNoPermission,
                    $"uid {request.User.Uid} is not in group {gid}"
                );
            }
            inode.Acl.Gid = gid;
            inode.Ctime = Now();
        }
    }

    private void SetPermission(Inode inode, SetAttrReq request)
    {
        if (request.Perm is not { } perm)
        {
            return;
        }
        Access.CheckOwner(inode.Acl, request.User, "changing the permissions");
        inode.Acl.Perm = perm & 0xFFF;
        inode.Ctime = Now();
    }

    private void SetTimes(Inode inode, SetAttrReq request)
    {
        if (request.Atime is null && request.Mtime is null)
        {
            return;
        }
        var user = request.User;
        var toNow = request.Atime is null or -1 && request.Mtime is null or -1;
        if (user.Uid != 0 && user.Uid != inode.Acl.Uid)
        {
            if (!toNow)
            {
                Access.CheckOwner(inode.Acl, user, "setting times");
            }
            Access.Check(inode.Acl, user, Access.Write);
        }
        inode.Atime = request.Atime is { } atime ? TimeOf(atime) : inode.Atime;
        inode.Mtime = request.Mtime is { } mtime ? TimeOf(mtime) : inode.Mtime;
        inode.Ctime = Now();
    }

    private void SetLayout(Inode inode, SetAttrReq request)
    {
        if (request.Layout is not { } layout)
        {
            return;
        }
        if (inode.Type is not DirectoryInode directory)
        {
            throw new ServiceException(
                StatusCode.MetaNotDirectory,
                "only directories have a default layout"
            );
        }
        Access.Check(inode.Acl, request.User, Access.Write);
        directory.Layout = layout;
        inode.Ctime = Now();
    }

    private void SetFlags(Inode inode, SetAttrReq request)
    {
        if (request.Iflags is not { } flags || flags == inode.Acl.Iflags)
        {
            return;
        }
        if (request.User.Uid != 0)
        {
            Access.CheckOwner(inode.Acl, request.User, "changing inode flags");
            if (((flags ^ inode.Acl.Iflags) & ~InodeFlags.HugeFile) != 0)
            {
                throw new ServiceException(
                    StatusCode.MetaNoPermission,
                    "only root changes inode flags other than huge-file"
                );
            }
        }
        inode.Acl.Iflags = flags;
        inode.Ctime = Now();
    }

    /// <summary>Slots that a dynamically striped file may use; they only grow.</summary>
    private static void SetStripe(Inode inode, SetAttrReq request)
    {
        if (request.DynStripe == 0)
        {
            return;
        }
        if (inode.Type is not FileInode file)
        {
            throw new ServiceException(StatusCode.MetaNotFile, "only files have a stripe");
        }
        Access.Check(inode.Acl, request.User, Access.Write);
        if (file.DynStripe == 0 || request.DynStripe <= file.DynStripe)
        {
            return;
        }
        var stripe = file.DynStripe;
        while (stripe < request.DynStripe)
        {
            stripe *= 2;
        }
        file.DynStripe = Math.Min(stripe, file.Layout.StripeSize);
    }

    /// <summary>The entry of a directory repeats its permissions, so that a look-up need not read the inode.</summary>
    private static void RefreshEntry(MetaView view, Inode inode)
    {
        if (inode.Type is not DirectoryInode directory || inode.Id == MetaKeys.Root)
        {
            return;
        }
        if (view.FindEntry(directory.Parent, directory.Name) is { } entry && entry.Id == inode.Id)
        {
            entry.DirAcl = inode.Acl;
            view.Put(entry);
        }
    }

    private async ValueTask<LockDirectoryRsp> LockDirectoryAsync(
        LockDirectoryReq request,
        CancellationToken ct
    )
    {
        await _store
            .WriteAsync(
                t =>
                {
                    var view = new MetaView(t);
                    var inode = view.Inode(request.Inode);
                    if (inode.Type is not DirectoryInode directory)
                    {
                        throw new ServiceException(
                            StatusCode.MetaNotDirectory,
                            $"inode {request.Inode:x} is not a directory"
                        );
                    }
                    Access.Check(inode.Acl, request.User, Access.Write);
                    directory.Lock = NextLock(directory.Lock, request);
                    view.Put(inode);
                    return true;
                },
                ct
            )
            .ConfigureAwait(false);
        return new LockDirectoryRsp();
    }

    private static DirectoryLock? NextLock(DirectoryLock? held, LockDirectoryReq request)
    {
        var foreign = held is not null && held.Client.Uuid != request.Client.Uuid;
        var own = new DirectoryLock { Client = request.Client };
        return request.Action switch
        {
            LockAction.TryLock => foreign ? throw LockedBy(held!) : own,
            LockAction.PreemptLock => own,
            LockAction.UnLock => held is null
                ? throw new ServiceException(StatusCode.MetaNoLock, "the directory is not locked")
            : foreign ? throw LockedBy(held)
            : null,
            LockAction.Clear => null,
            _ => throw Bad($"lock action {request.Action}"),
        };
    }
}
