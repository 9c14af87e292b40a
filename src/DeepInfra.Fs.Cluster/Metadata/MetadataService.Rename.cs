// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

internal sealed partial class MetadataService
{
    private async ValueTask<RenameRsp> RenameAsync(RenameReq request, CancellationToken ct)
    {
        CheckRepeatable(request, request.MoveToTrash);
        return await _store
            .WriteAsync(
                t =>
                {
                    var view = new MetaView(t);
                    if (request.MoveToTrash && WasAnswered(view, request))
                    {
                        var done = new PathResolver(view, request.User).Resolve(
                            request.Dest,
                            false
                        );
                        return new RenameRsp { Stat = done.Inode };
                    }
                    return new RenameRsp { Stat = Rename(view, request) };
                },
                ct
            )
            .ConfigureAwait(false);
    }

    /// <summary>Moves a name; what had the new name is replaced in the same transaction.</summary>
    private Inode Rename(MetaView view, RenameReq request)
    {
        var resolver = new PathResolver(view, request.User);
        var source = resolver.ResolveName(request.Src);
        var target = resolver.ResolveName(request.Dest);
        if (MadeBefore(target.Entry, request))
        {
            return target.Existing;
        }
        if (source.Entry is null || source.Inode is null)
        {
            throw MetaView.NotFound($"rename src '{request.Src.Path}'");
        }
        if (request.InodeId is { } expected && expected != source.Entry.Id)
        {
            throw MetaView.NotFound($"inode {expected:x} at '{request.Src.Path}'");
        }
        var moved = source.Inode;
        if (target.Entry?.Id == source.Entry.Id)
        {
            // Two names of one inode: nothing happens and nothing is asked for, as POSIX has it.
            return moved;
        }
        var from = WritableDirectory(view, source.Parent, request);
        var to =
            source.Parent.Id == target.Parent.Id
                ? from
                : WritableDirectory(view, target.Parent, request);
        Access.CheckSticky(from.Acl, moved.Acl, request.User);
        Access.CheckMutable(moved.Acl);
        if (moved.Type is DirectoryInode)
        {
            CheckDirectoryMove(view, request, moved, from, to);
        }
        if (request.MoveToTrash)
        {
            CheckTrash(view, request, moved, target);
        }
        if (target.Inode is { } replaced)
        {
            Access.CheckSticky(to.Acl, replaced.Acl, request.User);
            Access.CheckMutable(replaced.Acl);
            Replace(view, request, moved, replaced, to, target.Name);
        }
        if (moved.Type is DirectoryInode body)
        {
            body.Parent = to.Id;
            body.Name = target.Name;
        }
        moved.Ctime = Now();
        view.Put(moved);
        view.DeleteEntry(from.Id, source.Name);
        var entry = NewEntry(to.Id, target.Name, moved, request.Uuid);
        view.Put(entry);
        if (request.MoveToTrash)
        {
            RememberAnswer(view, request);
        }
        return moved;
    }

    /// <summary>The trash replaces no file, and a tree goes there on the terms of its removal.</summary>
    private static void CheckTrash(
        MetaView view,
        RenameReq request,
        Inode moved,
        ResolvedPath target
    )
    {
        if (target.Inode is { Type: not DirectoryInode })
        {
            throw new ServiceException(
                StatusCode.MetaExists,
                $"'{request.Dest.Path}' exists in the trash"
            );
        }
        if (moved.Type is DirectoryInode)
        {
            var budget = CheckedDescendants;
            CheckSubtree(view, moved, request.User, ref budget);
        }
    }

    private static void CheckDirectoryMove(
        MetaView view,
        RenameReq request,
        Inode moved,
        Inode from,
        Inode to
    )
    {
        if (
            ((DirectoryInode)moved.Type).Lock is { } held
            && held.Client.Uuid != request.Client.Uuid
        )
        {
            throw LockedBy(held);
        }
        if (from.Id == to.Id)
        {
            return;
        }
        // Its ".." changes, so the directory itself must be writable.
        Access.Check(moved.Acl, request.User, Access.Write);
        // Reading the ancestors with conflict check keeps two moves from making a loop together.
        var ancestor = to;
        while (true)
        {
            if (ancestor.Id == moved.Id)
            {
                throw new ServiceException(
                    StatusCode.InvalidArg,
                    $"'{request.Dest.Path}' lies below '{request.Src.Path}'"
                );
            }
            if (ancestor.Id == MetaKeys.Root)
            {
                return;
            }
            ancestor = view.Inode(((DirectoryInode)ancestor.Type).Parent);
            if (ancestor.Id == MetaKeys.GcRoot)
            {
                throw MetaView.NotFound($"'{request.Dest.Path}' was removed");
            }
        }
    }

    private void Replace(
        MetaView view,
        RenameReq request,
        Inode moved,
        Inode replaced,
        Inode directory,
        string name
    )
    {
        var movesDirectory = moved.Type is DirectoryInode;
        if (replaced.Type is not DirectoryInode body)
        {
            if (movesDirectory)
            {
                throw new ServiceException(
                    StatusCode.MetaNotDirectory,
                    $"'{request.Dest.Path}' is not a directory"
                );
            }
            Unlink(view, replaced, PathOf(view, directory, name), request.User.Uid);
            return;
        }
        if (!movesDirectory)
        {
            throw new ServiceException(
                StatusCode.MetaIsDirectory,
                $"'{request.Dest.Path}' is a directory"
            );
        }
        if (body.Lock is { } held && held.Client.Uuid != request.Client.Uuid)
        {
            throw LockedBy(held);
        }
        if (!view.IsEmpty(replaced.Id))
        {
            throw new ServiceException(
                StatusCode.MetaNotEmpty,
                $"'{request.Dest.Path}' is not empty"
            );
        }
        view.DeleteInode(replaced.Id);
    }
}
