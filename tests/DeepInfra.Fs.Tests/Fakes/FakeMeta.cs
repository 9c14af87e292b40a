// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Fakes;

/// <summary>The metadata server of a <see cref="FakeCluster"/>: a tree of inodes by path.</summary>
internal sealed class FakeMeta
{
    private readonly FakeCluster _cluster;
    private readonly SortedDictionary<string, Inode> _inodes = new(StringComparer.Ordinal);
    private ulong _lastId = 0x1000;

    public FakeMeta(FakeCluster cluster)
    {
        _cluster = cluster;
        _inodes[""] = Directory(0);
    }

    /// <summary>Guards <see cref="Calls"/> while requests may still arrive.</summary>
    public object Lock => _inodes;

    /// <summary>Every request with its method, in order.</summary>
    public List<(ushort Method, MetaRequest Request)> Calls { get; } = [];

    /// <summary>Called for each request; a status replaces the answer.</summary>
    public Func<ushort, MetaRequest, Status?> OnCall { get; set; } = (_, _) => null;

    /// <summary>Answers to open and create say that the client has to remove old chunks.</summary>
    public bool LeavesTruncation { get; set; } = true;

    public uint ChunkSize { get; set; } = 64 << 10;

    public uint Stripe { get; set; } = 4;

    public ulong Seed { get; set; } = 42;

    public Inode Find(string path) => _inodes[path];

    public RpcService Service()
    {
        var service = new RpcService(ServiceId.Meta, ServiceName.Meta);
        Map<StatReq, StatRsp>(service, MetaMethod.Stat, Stat);
        Map<CreateReq, CreateRsp>(service, MetaMethod.Create, Create);
        Map<OpenReq, OpenRsp>(service, MetaMethod.Open, Open);
        Map<SyncReq, SyncRsp>(service, MetaMethod.Sync, Sync);
        Map<CloseReq, CloseRsp>(service, MetaMethod.Close, Close);
        Map<MkdirsReq, MkdirsRsp>(service, MetaMethod.Mkdirs, Mkdirs);
        Map<RemoveReq, RemoveRsp>(service, MetaMethod.Remove, Remove);
        Map<RenameReq, RenameRsp>(service, MetaMethod.Rename, Rename);
        Map<ListReq, ListRsp>(service, MetaMethod.List, List);
        Map<SymlinkReq, SymlinkRsp>(service, MetaMethod.Symlink, Symlink);
        Map<HardLinkReq, HardLinkRsp>(service, MetaMethod.HardLink, HardLink);
        Map<SetAttrReq, SetAttrRsp>(service, MetaMethod.SetAttr, SetAttr);
        Map<GetRealPathReq, GetRealPathRsp>(
            service,
            MetaMethod.GetRealPath,
            r => new GetRealPathRsp { Path = "/" + PathOf(r.Path) }
        );
        Map<StatFsReq, StatFsRsp>(
            service,
            MetaMethod.StatFs,
            _ => new StatFsRsp
            {
                Capacity = 1000,
                Used = 300,
                Free = 700,
            }
        );
        Map<BatchStatByPathReq, BatchStatByPathRsp>(
            service,
            MetaMethod.BatchStatByPath,
            r => new BatchStatByPathRsp
            {
                Inodes =
                [
                    .. r.Paths.Select(p =>
                        _inodes.TryGetValue(PathOf(p), out var inode)
                            ? new Result<Inode>(inode)
                            : new Status(StatusCode.MetaNotFound)
                    ),
                ],
            }
        );
        Map<PruneSessionReq, PruneSessionRsp>(
            service,
            MetaMethod.PruneSession,
            _ => new PruneSessionRsp()
        );
        Map<TestRpcReq, TestRpcRsp>(service, MetaMethod.TestRpc, _ => new TestRpcRsp());
        return service;
    }

    private void Map<TReq, TRsp>(
        RpcService service,
        ushort method,
        Func<TReq, Result<TRsp>> handler
    )
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        service.Map<TReq, TRsp>(
            method,
            typeof(TReq).Name,
            (request, _) =>
            {
                lock (_inodes)
                {
                    Calls.Add((method, request));
                    var result = OnCall(method, request) is { } status ? status : handler(request);
                    return new ValueTask<Result<TRsp>>(result);
                }
            }
        );

    private static string PathOf(PathAt at) => FileSystemPath.Normalize(at.Path ?? "");

    private static Inode Directory(ulong id) =>
        new()
        {
            Id = id,
            Type = new DirectoryInode(),
            Acl = new Acl { Perm = 0x1ED },
        };

    private Result<StatRsp> Stat(StatReq request)
    {
        if (request.Path.Path is null && request.Path.Parent != 0)
        {
            var byId = _inodes.Values.FirstOrDefault(i => i.Id == request.Path.Parent);
            return byId is null ? StatusCode.MetaNotFound : new StatRsp { Stat = byId };
        }

        return _inodes.TryGetValue(PathOf(request.Path), out var inode)
            ? new StatRsp { Stat = inode }
            : StatusCode.MetaNotFound;
    }

    private Result<CreateRsp> Create(CreateReq request)
    {
        var path = PathOf(request.Path);
        if (_inodes.TryGetValue(path, out var inode))
        {
            if ((request.Flags & OpenFlags.Exclusive) != 0)
            {
                return StatusCode.MetaExists;
            }
        }
        else
        {
            if (!_inodes.TryGetValue(FileSystemPath.GetParent(path), out _))
            {
                return StatusCode.MetaNotFound;
            }

            inode = new Inode
            {
                Id = ++_lastId,
                Acl = new Acl { Perm = request.Perm },
                Type = new FileInode { Layout = NewLayout(request.Layout) },
            };
            _inodes[path] = inode;
        }

        return inode.Type is FileInode file
            ? new CreateRsp
            {
                Stat = inode,
                NeedTruncate =
                    LeavesTruncation
                    && (request.Flags & OpenFlags.Truncate) != 0
                    && file.Length > 0,
            }
            : StatusCode.MetaIsDirectory;
    }

    private Layout NewLayout(Layout? requested) =>
        new()
        {
            TableId = requested?.TableId ?? 1,
            TableVersion = 1,
            ChunkSize = requested?.ChunkSize ?? ChunkSize,
            StripeSize = requested?.StripeSize ?? Stripe,
            Chains = new LayoutChainRange
            {
                BaseIndex = 1,
                Shuffle = LayoutShuffle.StdMt19937,
                Seed = Seed,
            },
        };

    private Result<OpenRsp> Open(OpenReq request) =>
        !_inodes.TryGetValue(PathOf(request.Path), out var inode) ? StatusCode.MetaNotFound
        : inode.Type is FileInode file
            ? new OpenRsp
            {
                Stat = inode,
                NeedTruncate = (request.Flags & OpenFlags.Truncate) != 0 && file.Length > 0,
            }
        : inode.Type is DirectoryInode && (request.Flags & OpenFlags.AccessMask) == 0
            ? new OpenRsp { Stat = inode }
        : StatusCode.MetaIsDirectory;

    private Result<SyncRsp> Sync(SyncReq request)
    {
        var inode = _inodes.Values.First(i => i.Id == request.Inode);
        if (request.UpdateLength)
        {
            UpdateLength(inode, request.LengthHint, request.Truncated);
        }

        return new SyncRsp { Stat = inode };
    }

    private Result<CloseRsp> Close(CloseReq request)
    {
        var inode = _inodes.Values.First(i => i.Id == request.Inode);
        if (request.UpdateLength)
        {
            UpdateLength(inode, request.LengthHint, truncated: false);
        }

        return new CloseRsp { Stat = inode };
    }

    private void UpdateLength(Inode inode, VersionedLength? hint, bool truncated)
    {
        var file = (FileInode)inode.Type;
        if (hint is { } known && known.TruncateVer == file.TruncateVer && !truncated)
        {
            file.Length = Math.Max(file.Length, known.Length);
            return;
        }

        ulong exact = 0;
        lock (_cluster.Chunks)
        {
            foreach (var ((_, chunk), data) in _cluster.Chunks)
            {
                if (chunk.Inode == inode.Id)
                {
                    exact = Math.Max(
                        exact,
                        ((ulong)chunk.ChunkIndex * file.Layout.ChunkSize) + (ulong)data.Length
                    );
                }
            }
        }

        if (exact < file.Length || truncated)
        {
            file.TruncateVer++;
        }

        file.Length = exact;
    }

    private Result<MkdirsRsp> Mkdirs(MkdirsReq request)
    {
        var path = PathOf(request.Path);
        if (_inodes.ContainsKey(path))
        {
            return StatusCode.MetaExists;
        }

        var parts = path.Split('/');
        for (var i = 1; i <= parts.Length; i++)
        {
            var part = string.Join('/', parts[..i]);
            if (_inodes.TryGetValue(part, out var existing))
            {
                if (existing.Type is not DirectoryInode)
                {
                    return StatusCode.MetaNotDirectory;
                }
            }
            else if (i < parts.Length && !request.Recursive)
            {
                return StatusCode.MetaNotFound;
            }
            else
            {
                _inodes[part] = Directory(++_lastId);
            }
        }

        return new MkdirsRsp { Stat = _inodes[path] };
    }

    private Result<RemoveRsp> Remove(RemoveReq request)
    {
        var path = PathOf(request.Path);
        if (!_inodes.ContainsKey(path))
        {
            return StatusCode.MetaNotFound;
        }

        var below = _inodes
            .Keys.Where(k => k.StartsWith(path + "/", StringComparison.Ordinal))
            .ToList();
        if (below.Count > 0 && !request.Recursive)
        {
            return StatusCode.MetaNotEmpty;
        }

        foreach (var key in below.Append(path))
        {
            _inodes.Remove(key);
        }

        return new RemoveRsp();
    }

    private Result<RenameRsp> Rename(RenameReq request)
    {
        var from = PathOf(request.Src);
        var to = PathOf(request.Dest);
        if (
            !_inodes.TryGetValue(from, out var inode)
            || !_inodes.ContainsKey(FileSystemPath.GetParent(to))
        )
        {
            return StatusCode.MetaNotFound;
        }

        if (_inodes.TryGetValue(to, out var target) && target.Type is DirectoryInode)
        {
            return inode.Type is DirectoryInode
                ? StatusCode.MetaNotEmpty
                : StatusCode.MetaIsDirectory;
        }

        if (target is not null && inode.Type is DirectoryInode)
        {
            return StatusCode.MetaNotDirectory;
        }

        foreach (
            var key in _inodes
                .Keys.Where(k => k == from || k.StartsWith(from + "/", StringComparison.Ordinal))
                .ToList()
        )
        {
            _inodes[to + key[from.Length..]] = _inodes[key];
            _inodes.Remove(key);
        }

        return new RenameRsp { Stat = inode };
    }

    private Result<ListRsp> List(ListReq request)
    {
        var path = PathOf(request.Path);
        if (!_inodes.TryGetValue(path, out var directory))
        {
            return StatusCode.MetaNotFound;
        }

        if (directory.Type is not DirectoryInode)
        {
            return StatusCode.MetaNotDirectory;
        }

        var limit = request.Limit <= 0 ? 128 : request.Limit;
        var names = _inodes
            .Keys.Where(k => k.Length > 0 && FileSystemPath.GetParent(k) == path)
            .Select(FileSystemPath.GetName)
            .Where(n => SerdeText.ByteOrder.Compare(n, request.Prev) > 0)
            .Order(SerdeText.ByteOrder)
            .ToList();
        var page = names.Take(limit).ToList();
        var inodes = page.Select(n => _inodes[FileSystemPath.Combine(path, n)]).ToList();
        return new ListRsp
        {
            Entries =
            [
                .. page.Zip(
                    inodes,
                    (n, i) =>
                        new DirEntry
                        {
                            Id = i.Id,
                            Name = n,
                            Type = i.Type switch
                            {
                                DirectoryInode => InodeType.Directory,
                                SymlinkInode => InodeType.Symlink,
                                _ => InodeType.File,
                            },
                        }
                ),
            ],
            Inodes = request.Status ? inodes : [],
            More = names.Count > limit,
        };
    }

    private Result<SymlinkRsp> Symlink(SymlinkReq request)
    {
        var path = PathOf(request.Path);
        if (_inodes.ContainsKey(path))
        {
            return StatusCode.MetaExists;
        }

        _inodes[path] = new Inode
        {
            Id = ++_lastId,
            Type = new SymlinkInode { Target = request.Target },
        };
        return new SymlinkRsp { Stat = _inodes[path] };
    }

    private Result<HardLinkRsp> HardLink(HardLinkReq request)
    {
        if (!_inodes.TryGetValue(PathOf(request.OldPath), out var inode))
        {
            return StatusCode.MetaNotFound;
        }

        inode.Nlink++;
        _inodes[PathOf(request.NewPath)] = inode;
        return new HardLinkRsp { Stat = inode };
    }

    private Result<SetAttrRsp> SetAttr(SetAttrReq request)
    {
        if (!_inodes.TryGetValue(PathOf(request.Path), out var inode))
        {
            return StatusCode.MetaNotFound;
        }

        inode.Acl.Uid = request.Uid ?? inode.Acl.Uid;
        inode.Acl.Gid = request.Gid ?? inode.Acl.Gid;
        inode.Acl.Perm = request.Perm ?? inode.Acl.Perm;
        inode.Atime = request.Atime ?? inode.Atime;
        inode.Mtime = request.Mtime ?? inode.Mtime;
        if (request.Layout is { } layout && inode.Type is DirectoryInode directory)
        {
            directory.Layout = layout;
        }

        return new SetAttrRsp { Stat = inode };
    }
}
