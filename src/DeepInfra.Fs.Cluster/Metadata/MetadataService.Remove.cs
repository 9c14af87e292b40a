// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

internal sealed partial class MetadataService
{
    // A recursive removal checks the permissions of this many entries; the rest is removed without.
    private const int CheckedDescendants = 1024;

    private async ValueTask<RemoveRsp> RemoveAsync(RemoveReq request, CancellationToken ct)
    {
        CheckRepeatable(request, request.Recursive);
        await _store
            .WriteAsync(
                t =>
                {
                    var view = new MetaView(t);
                    return WasAnswered(view, request) ? true : Remove(view, request);
                },
                ct
            )
            .ConfigureAwait(false);
        return new RemoveRsp();
    }

    private bool Remove(MetaView view, RemoveReq request)
    {
        var (parent, name, inode) = FindForRemoval(view, request);
        var isDirectory = inode.Type is DirectoryInode;
        if (request.CheckType)
        {
            CheckType(request, isDirectory, name);
        }
        var directory = WritableDirectory(view, parent, request);
        Access.CheckSticky(directory.Acl, inode.Acl, request.User);
        Access.CheckMutable(inode.Acl);
        if (isDirectory)
        {
            RemoveDirectory(view, request, inode);
        }
        else
        {
            Unlink(view, inode, PathOf(view, directory, name), request.User.Uid);
        }
        view.DeleteEntry(directory.Id, name);
        RememberAnswer(view, request);
        return true;
    }

    private static (Inode Parent, string Name, Inode Inode) FindForRemoval(
        MetaView view,
        RemoveReq request
    )
    {
        if (request.Path.Path is null && request.InodeId is { } id)
        {
            // By inode alone: only directories know their place.
            var inode = view.Inode(id);
            if (inode.Type is not DirectoryInode body || id is MetaKeys.Root or MetaKeys.GcRoot)
            {
                throw new ServiceException(
                    StatusCode.InvalidArg,
                    $"inode {id:x} cannot be removed without a path"
                );
            }
            if (view.FindEntry(body.Parent, body.Name)?.Id != id)
            {
                throw MetaView.NotFound($"'{body.Name}'");
            }
            return (view.Inode(body.Parent), body.Name, inode);
        }
        var at = new PathResolver(view, request.User).ResolveName(request.Path);
        if (at.Entry is null || at.Inode is null)
        {
            throw new ServiceException(StatusCode.MetaNotFound);
        }
        if (request.InodeId is { } expected && expected != at.Entry.Id)
        {
            throw MetaView.NotFound($"inode {expected:x} at '{request.Path.Path}'");
        }
        return (at.Parent, at.Name, at.Inode);
    }

    private static void CheckType(RemoveReq request, bool isDirectory, string name)
    {
        var wantsDirectory = (request.AtFlags & AtFlags.RemoveDirectory) != 0 || request.Recursive;
        if (wantsDirectory && !isDirectory)
        {
            throw new ServiceException(StatusCode.MetaNotDirectory, $"'{name}' is not a directory");
        }
        if (!wantsDirectory && isDirectory)
        {
            throw new ServiceException(StatusCode.MetaIsDirectory, $"'{name}' is a directory");
        }
    }

    private void RemoveDirectory(MetaView view, RemoveReq request, Inode inode)
    {
        if (
            ((DirectoryInode)inode.Type).Lock is { } held
            && held.Client.Uuid != request.Client.Uuid
        )
        {
            throw LockedBy(held);
        }
        if (view.IsEmpty(inode.Id))
        {
            view.DeleteInode(inode.Id);
            return;
        }
        if (!request.Recursive)
        {
            throw new ServiceException(StatusCode.MetaNotEmpty);
        }
        var budget = CheckedDescendants;
        CheckSubtree(view, inode, request.User, ref budget);
        Discard(view, inode, PathResolver.AbsolutePath(view, inode), request.User.Uid);
    }

    /// <summary>
    /// Takes an inode out of the tree. A directory goes with everything below it, at once; the collector
    /// takes it apart afterwards.
    /// </summary>
    internal void Discard(MetaView view, Inode inode, string path, uint user)
    {
        if (inode.Type is not DirectoryInode body)
        {
            Unlink(view, inode, path, user);
            return;
        }
        body.Parent = MetaKeys.GcRoot;
        body.Name = GcName(inode.Id);
        inode.Ctime = Now();
        view.Put(inode);
        view.Put(GcEntry(inode, body.Name, path, user));
    }

    private static void CheckSubtree(MetaView view, Inode directory, UserInfo user, ref int budget)
    {
        if (user.Uid == 0)
        {
            return;
        }
        Access.CheckOwner(directory.Acl, user, "recursive removal");
        Access.Check(directory.Acl, user, Access.Read | Access.Write | Access.Execute);
        foreach (
            var (_, value) in view.Transaction.Scan(
                MetaKeys.Entries(directory.Id),
                budget + 1,
                false
            )
        )
        {
            if (budget-- <= 0)
            {
                return;
            }
            var entry = Serde.Read<DirEntry>(value);
            if (entry.Type == InodeType.Directory && view.PeekInode(entry.Id) is { } child)
            {
                Access.CheckMutable(child.Acl);
                CheckSubtree(view, child, user, ref budget);
            }
        }
    }

    /// <summary>Takes one name away from a file or link; the last one hands it to the collector.</summary>
    private void Unlink(MetaView view, Inode inode, string path, uint user)
    {
        inode.Nlink--;
        inode.Ctime = Now();
        if (inode.Nlink > 0)
        {
            view.Put(inode);
            return;
        }
        if (inode.Type is SymlinkInode)
        {
            view.DeleteInode(inode.Id);
            return;
        }
        view.Put(inode);
        view.Put(GcEntry(inode, GcName(inode.Id), path, user));
    }

    private static DirEntry GcEntry(Inode inode, string name, string path, uint user)
    {
        var entry = NewEntry(MetaKeys.GcRoot, name, inode, Guid.Empty);
        entry.GcInfo = new GcInfo { User = user, OrigPath = path };
        return entry;
    }

    // The time comes first, so that the collector meets the oldest entries first.
    private string GcName(ulong inode) => $"{_clock.Now():x16}-{inode:x16}";

    private static string PathOf(MetaView view, Inode directory, string name) =>
        $"{PathResolver.AbsolutePath(view, directory).TrimEnd('/')}/{name}";

    /// <summary>Requests that may be repeated after a lost answer need ids to be recognised by.</summary>
    private static void CheckRepeatable(MetaRequest request, bool required)
    {
        if (required && (request.Client.Uuid == Guid.Empty || request.Uuid == Guid.Empty))
        {
            throw new ServiceException(
                StatusCode.InvalidArg,
                "the request needs a client id and a request id"
            );
        }
    }

    private static bool WasAnswered(MetaView view, MetaRequest request) =>
        request.Uuid != Guid.Empty
        && view.Transaction.Get(MetaKeys.Idempotent(request.Uuid, request.Client.Uuid)) is not null;

    private void RememberAnswer(MetaView view, MetaRequest request)
    {
        if (request.Uuid == Guid.Empty)
        {
            return;
        }
        var value = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(value, _clock.Now());
        view.Transaction.Put(MetaKeys.Idempotent(request.Uuid, request.Client.Uuid), value);
    }

    /// <summary>Forgets answers that no client will ask for again.</summary>
    internal async Task ForgetAnswersAsync(TimeSpan age, CancellationToken ct)
    {
        var limit = _clock.Now() - (long)age.TotalMicroseconds;
        var old = _store.Read(t =>
            t.Scan(MetaKeys.AllIdempotent, int.MaxValue, false)
                .Where(e => BinaryPrimitives.ReadInt64LittleEndian(e.Value) < limit)
                .Select(e => e.Key)
                .ToList()
        );
        foreach (var chunk in old.Chunk(1000))
        {
            await _store.WriteAsync(t => DeleteAll(t, chunk), ct).ConfigureAwait(false);
        }
    }

    private static bool DeleteAll(KeyValueTransaction transaction, byte[][] keys)
    {
        foreach (var key in keys)
        {
            transaction.Delete(key);
        }
        return true;
    }
}
