// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>
/// The metadata service: the tree of inodes and directory entries. Every operation is one transaction on
/// the shared store, so names, link counts and directories can never disagree, whatever the concurrency.
/// </summary>
internal sealed partial class MetadataService : IDisposable
{
    private readonly KeyValueStore _store;
    private readonly LayoutAllocator _layouts;
    private readonly IChunkOperations _chunks;
    private readonly InodeIds _ids;
    private readonly Layout _rootLayout;
    private readonly NodeClock _clock;

    public MetadataService(
        KeyValueStore store,
        Func<RoutingInfo> routing,
        IChunkOperations chunks,
        Layout rootLayout,
        NodeClock? clock = null
    )
    {
        _clock = clock ?? new NodeClock();
        _store = store;
        _layouts = new LayoutAllocator(routing);
        _chunks = chunks;
        _ids = new InodeIds(store);
        _rootLayout = rootLayout;
    }

    /// <summary>Creates the root directory and the collector's directory on first use.</summary>
    public async Task InitializeAsync() =>
        await _store
            .WriteAsync(t =>
            {
                var view = new MetaView(t);
                if (view.FindInode(MetaKeys.Root) is null)
                {
                    var acl = new Acl { Perm = 0x1FF, Iflags = InodeFlags.Immutable };
                    view.Put(NewDirectory(MetaKeys.Root, MetaKeys.Root, "/", _rootLayout, acl));
                    var gc = acl with { Perm = 0x1C0 };
                    view.Put(NewDirectory(MetaKeys.GcRoot, MetaKeys.GcRoot, "gc", _rootLayout, gc));
                }
                return true;
            })
            .ConfigureAwait(false);

    /// <summary>The service for a listener.</summary>
    public RpcService CreateService()
    {
        var service = new RpcService(ServiceId.Meta, ServiceName.Meta);
        MapReads(service);
        MapFiles(service);
        MapNamespace(service);
        return service
            .On<SetAttrReq, SetAttrRsp>(MetaMethod.SetAttr, "setAttr", SetAttrAsync)
            .On<LockDirectoryReq, LockDirectoryRsp>(
                MetaMethod.LockDirectory,
                "lockDirectory",
                LockDirectoryAsync
            );
    }

    /// <inheritdoc/>
    public void Dispose() => _ids.Dispose();

    /// <summary>Now, in the granularity of file times: whole seconds.</summary>
    private long Now() => WholeSeconds(_clock.Now());

    private static long WholeSeconds(long microseconds) =>
        microseconds - (microseconds % 1_000_000);

    /// <summary>-1 stands for now.</summary>
    private long TimeOf(long value) => value == -1 ? Now() : WholeSeconds(value);

    private Inode NewDirectory(ulong id, ulong parent, string name, Layout layout, in Acl acl) =>
        NewInode(
            id,
            new DirectoryInode
            {
                Parent = parent,
                Name = name,
                Layout = layout,
            },
            acl
        );

    private Inode NewInode(ulong id, IInodeBody body, in Acl acl)
    {
        var now = Now();
        return new Inode
        {
            Id = id,
            Type = body,
            Acl = acl,
            Atime = now,
            Ctime = now,
            Mtime = now,
        };
    }

    private static DirEntry NewEntry(ulong parent, string name, Inode inode, Guid request) =>
        new()
        {
            Parent = parent,
            Name = name,
            Id = inode.Id,
            Type = KindOf(inode),
            DirAcl = inode.Type is DirectoryInode ? inode.Acl : null,
            Uuid = request,
        };

    private static InodeType KindOf(Inode inode) =>
        inode.Type switch
        {
            DirectoryInode => InodeType.Directory,
            SymlinkInode => InodeType.Symlink,
            _ => InodeType.File,
        };

    /// <summary>Owner, group and attributes of a new inode in a directory.</summary>
    private static Acl NewAcl(Inode parent, UserInfo user, uint perm, bool directory)
    {
        var inherits = (parent.Acl.Perm & Access.SetGid) != 0;
        return new Acl
        {
            Uid = user.Uid,
            Gid = inherits ? parent.Acl.Gid : user.Gid,
            Perm = (perm & 0xFFF) | (inherits && directory ? Access.SetGid : 0),
            Iflags =
                parent.Acl.Iflags & (InodeFlags.ChunkEngine | InodeFlags.DirectoryChainAllocation),
        };
    }

    /// <summary>
    /// The directory that gets or loses an entry: it must exist at commit time, the user must be allowed
    /// to write, and no other client may have locked it.
    /// </summary>
    private static Inode WritableDirectory(MetaView view, Inode parent, MetaRequest request)
    {
        // Read again with conflict check: removing the directory meanwhile must fail this operation.
        var directory =
            view.FindInode(parent.Id) ?? throw MetaView.NotFound($"directory {parent.Id:x}");
        if (directory.Type is not DirectoryInode body)
        {
            throw new ServiceException(
                StatusCode.MetaNotDirectory,
                $"inode {directory.Id:x} is not a directory"
            );
        }
        if (body.Parent == MetaKeys.GcRoot)
        {
            // Removed with all that is in it: what is put there now would be collected.
            throw MetaView.NotFound($"directory {parent.Id:x}");
        }
        Access.Check(directory.Acl, request.User, Access.Write | Access.Execute);
        if (body.Lock is { } held && held.Client.Uuid != request.Client.Uuid)
        {
            throw LockedBy(held);
        }
        return directory;
    }

    private static ServiceException LockedBy(DirectoryLock held) =>
        new(
            StatusCode.MetaNoLock,
            $"lock hold by client {held.Client.Uuid} on {held.Client.Hostname}"
        );
}
