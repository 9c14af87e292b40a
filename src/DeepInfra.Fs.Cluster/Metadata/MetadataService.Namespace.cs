// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

internal sealed partial class MetadataService
{
    private void MapNamespace(RpcService service) =>
        service
            .On<MkdirsReq, MkdirsRsp>(MetaMethod.Mkdirs, "mkdirs", MkdirsAsync)
            .On<SymlinkReq, SymlinkRsp>(MetaMethod.Symlink, "symlink", SymlinkAsync)
            .On<HardLinkReq, HardLinkRsp>(MetaMethod.HardLink, "hardLink", HardLinkAsync)
            .On<RemoveReq, RemoveRsp>(MetaMethod.Remove, "remove", RemoveAsync)
            .On<RenameReq, RenameRsp>(MetaMethod.Rename, "rename", RenameAsync);

    private async ValueTask<MkdirsRsp> MkdirsAsync(MkdirsReq request, CancellationToken ct)
    {
        var path = request.Path.Path;
        if (string.IsNullOrEmpty(path))
        {
            throw new ServiceException(StatusCode.InvalidArg, "mkdirs without a path");
        }
        PathResolver.CheckPath(path);
        if (request.Layout is not null)
        {
            _layouts.CheckDirectory(request.Layout);
        }
        // Ids are drawn outside the transaction, one per directory that may have to be made.
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries).Length;
        using var ids = await _ids.RentAsync(request.Recursive ? Math.Max(1, names) : 1, ct)
            .ConfigureAwait(false);
        return await _store
            .WriteAsync(
                t =>
                {
                    ids.Reset();
                    return new MkdirsRsp
                    {
                        Stat = request.Recursive
                            ? MakeAll(new MetaView(t), request, path, ids)
                            : MakeLast(new MetaView(t), request, ids),
                    };
                },
                ct
            )
            .ConfigureAwait(false);
    }

    private Inode MakeLast(MetaView view, MkdirsReq request, InodeIds.Lease ids)
    {
        var resolver = new PathResolver(view, request.User);
        var at = resolver.Resolve(request.Path, false);
        if (at.Inode is { } existing)
        {
            return MadeBefore(at.Entry, request)
                ? existing
                : throw new ServiceException(StatusCode.MetaExists);
        }
        var directory = WritableDirectory(view, at.Parent, request);
        return MakeDirectory(view, request, directory, at.Name, ids.Next());
    }

    private Inode MakeAll(MetaView view, MkdirsReq request, string path, InodeIds.Lease ids)
    {
        var resolver = new PathResolver(view, request.User);
        var start = request.Path with { Path = path.StartsWith('/') ? "/" : null };
        var current = resolver.Resolve(start, true).Existing;
        DirEntry? last = null;
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < names.Length; i++)
        {
            var step = new PathAt { Parent = current.Id, Path = names[i] };
            var at = resolver.Resolve(step, true);
            if (at.Inode is null)
            {
                var directory = WritableDirectory(view, at.Parent, request);
                return MakeBelow(view, request, directory, names.AsSpan(i), ids);
            }
            (current, last) = (at.Inode, at.Entry);
            if (current.Type is not DirectoryInode)
            {
                throw new ServiceException(
                    i == names.Length - 1 ? StatusCode.MetaExists : StatusCode.MetaNotDirectory,
                    $"'{names[i]}' is not a directory"
                );
            }
        }
        return MadeBefore(last, request)
            ? current
            : throw new ServiceException(StatusCode.MetaExists);
    }

    /// <summary>
    /// Makes a chain of directories. Permission is needed where the chain begins; what this request makes itself
    /// it may fill, whatever mode was asked for.
    /// </summary>
    private Inode MakeBelow(
        MetaView view,
        MkdirsReq request,
        Inode parent,
        ReadOnlySpan<string> names,
        InodeIds.Lease ids
    )
    {
        foreach (var name in names)
        {
            if (name is "." or "..")
            {
                throw Bad(
                    $"path '{request.Path.Path}' goes through '{name}' of a missing directory"
                );
            }
            PathResolver.CheckName(name);
            parent = MakeDirectory(view, request, parent, name, ids.Next());
        }
        return parent;
    }

    /// <summary>Whether this very request has made the entry: its answer was lost and it was sent again.</summary>
    private static bool MadeBefore(DirEntry? entry, MetaRequest request) =>
        entry is not null && entry.Uuid != Guid.Empty && entry.Uuid == request.Uuid;

    private Inode MakeDirectory(
        MetaView view,
        MkdirsReq request,
        Inode directory,
        string name,
        ulong id
    )
    {
        var layout = request.Layout ?? ((DirectoryInode)directory.Type).Layout;
        var acl = NewAcl(directory, request.User, request.Perm, true);
        var inode = NewDirectory(id, directory.Id, name, layout, acl);
        view.Put(inode);
        view.Put(NewEntry(directory.Id, name, inode, request.Uuid));
        return inode;
    }

    private async ValueTask<SymlinkRsp> SymlinkAsync(SymlinkReq request, CancellationToken ct)
    {
        if (request.Target.Length == 0)
        {
            throw new ServiceException(StatusCode.InvalidArg, "symlink without a target");
        }
        PathResolver.CheckPath(request.Target);
        using var ids = await _ids.RentAsync(1, ct).ConfigureAwait(false);
        return await _store
            .WriteAsync(
                t =>
                {
                    ids.Reset();
                    var view = new MetaView(t);
                    var at = new PathResolver(view, request.User).ResolveName(request.Path);
                    if (at.Inode is { } existing)
                    {
                        return MadeBefore(at.Entry, request)
                            ? new SymlinkRsp { Stat = existing }
                            : throw new ServiceException(StatusCode.MetaExists);
                    }
                    var directory = WritableDirectory(view, at.Parent, request);
                    var acl = NewAcl(directory, request.User, 0x1FF, false);
                    var inode = NewInode(
                        ids.Next(),
                        new SymlinkInode { Target = request.Target },
                        acl
                    );
                    view.Put(inode);
                    view.Put(NewEntry(directory.Id, at.Name, inode, request.Uuid));
                    return new SymlinkRsp { Stat = inode };
                },
                ct
            )
            .ConfigureAwait(false);
    }

    private async ValueTask<HardLinkRsp> HardLinkAsync(HardLinkReq request, CancellationToken ct) =>
        await _store
            .WriteAsync(
                t =>
                {
                    var view = new MetaView(t);
                    var resolver = new PathResolver(view, request.User);
                    var inode = resolver.Resolve(request.OldPath, Follows(request.Flags)).Existing;
                    if (inode.Type is DirectoryInode)
                    {
                        throw new ServiceException(
                            StatusCode.MetaIsDirectory,
                            "a directory has one name only"
                        );
                    }
                    if (inode.Nlink == 0)
                    {
                        // Named by its inode after its last name was removed: the collector has it already.
                        throw MetaView.NotFound($"inode {inode.Id:x}");
                    }
                    Access.CheckMutable(inode.Acl);
                    var at = resolver.ResolveName(request.NewPath);
                    if (at.Inode is { } existing)
                    {
                        return MadeBefore(at.Entry, request)
                            ? new HardLinkRsp { Stat = existing }
                            : throw new ServiceException(StatusCode.MetaExists);
                    }
                    if (inode.Nlink == ushort.MaxValue)
                    {
                        throw new ServiceException(
                            StatusCode.InvalidArg,
                            $"the file has {inode.Nlink} links, the most there can be"
                        );
                    }
                    var directory = WritableDirectory(view, at.Parent, request);
                    inode.Nlink++;
                    inode.Ctime = Now();
                    view.Put(inode);
                    view.Put(NewEntry(directory.Id, at.Name, inode, request.Uuid));
                    return new HardLinkRsp { Stat = inode };
                },
                ct
            )
            .ConfigureAwait(false);
}
