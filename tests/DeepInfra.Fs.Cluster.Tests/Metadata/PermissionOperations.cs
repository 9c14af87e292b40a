// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>One request by a user in a scene, and who may make it.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Run">Sends it.</param>
/// <param name="Allowed">The oracle's verdict.</param>
/// <param name="Changes">Whether a success leaves another tree behind.</param>
internal sealed record PermissionOperation(
    string Name,
    Func<PermissionScene, RawClient, Task<StatusCode>> Run,
    Func<PermissionScene, UserInfo, bool> Allowed,
    bool Changes = true
);

/// <summary>The requests of the metadata service whose outcome depends on permissions.</summary>
internal static class PermissionOperations
{
    private const uint SharedGroup = 7;
    private const uint ForeignGroup = 8888;
    private static readonly long s_time = 1_700_000_000_000_000;

    /// <summary>Requests about a file, decided by its owner and bits.</summary>
    public static IReadOnlyList<PermissionOperation> OnFile { get; } =
    [
        Open("open for reading", "/d/f", OpenFlags.ReadOnly, s => s.File, "r"),
        Open("open for writing", "/d/f", OpenFlags.WriteOnly, s => s.File, "w"),
        Open("open for both", "/d/f", OpenFlags.ReadWrite, s => s.File, "rw"),
        Open(
            "open with truncation",
            "/d/f",
            OpenFlags.WriteOnly | OpenFlags.Truncate,
            s => s.File,
            "w"
        ),
        Open("open through a link", "/d/s", OpenFlags.ReadWrite, s => s.File, "rw"),
        Create("create of what exists", "/d/f", OpenFlags.ReadWrite, s => s.File, "rw"),
        Stat("stat", "/d/f", s => s.File),
        SetAttr("chmod", "/d/f", r => r.Perm = 0x180, (s, u) => PosixOracle.Owns(u, s.File)),
        SetAttr("chown", "/d/f", r => r.Uid = 4711, (_, u) => u.Uid == 0),
        SetAttr(
            "chgrp to a group of the owner's",
            "/d/f",
            r => r.Gid = SharedGroup,
            (s, u) => PosixOracle.MayGiveTo(u, s.File, SharedGroup)
        ),
        SetAttr(
            "chgrp to a foreign group",
            "/d/f",
            r => r.Gid = ForeignGroup,
            (s, u) => PosixOracle.MayGiveTo(u, s.File, ForeignGroup)
        ),
        SetAttr(
            "utimes with now",
            "/d/f",
            r => (r.Atime, r.Mtime) = (-1, -1),
            (s, u) => PosixOracle.MayTouch(u, s.File)
        ),
        SetAttr(
            "utimes with a time",
            "/d/f",
            r => r.Mtime = s_time,
            (s, u) => PosixOracle.Owns(u, s.File)
        ),
        // What follows is not in POSIX: the owner may toggle the huge-file flag, root every flag.
        SetAttr(
            "huge-file flag",
            "/d/f",
            r => r.Iflags = InodeFlags.HugeFile,
            (s, u) => PosixOracle.Owns(u, s.File)
        ),
        SetAttr(
            "chunk engine flag",
            "/d/f",
            r => r.Iflags = InodeFlags.ChunkEngine,
            (_, u) => u.Uid == 0
        ),
        HardLink("/d/f", "/x/n", (s, u) => PosixOracle.MayReach(u, s.File)),
    ];

    /// <summary>Requests about a directory and what is in it, decided by its owner and bits.</summary>
    public static IReadOnlyList<PermissionOperation> OnDirectory { get; } =
    [
        Stat("stat of the directory", "/d", s => s.Directory),
        Stat("stat in it", "/d/f", s => s.File),
        Stat("stat of a link in it", "/d/s", s => s.Link),
        BatchStat("batchStatByPath", "/d/f", s => s.File),
        List("list", status: false),
        List("list with status", status: true),
        RealPath("/d/f", s => s.File),
        Open("open in it", "/d/f", OpenFlags.ReadOnly, s => s.File, "r"),
        Open(
            "open as a directory",
            "/d",
            OpenFlags.ReadOnly | OpenFlags.Directory,
            s => s.Directory,
            "r"
        ),
        New(
            "create",
            (s, c) =>
                CodeAsync<CreateReq, CreateRsp>(
                    c,
                    MetaMethod.Create,
                    new CreateReq
                    {
                        Path = At(s, "/d/n"),
                        Flags = OpenFlags.Create | OpenFlags.Exclusive,
                        Perm = 0x1B6,
                    }
                )
        ),
        New("mkdir", (s, c) => MakeAsync(c, At(s, "/d/n"), false)),
        New("mkdir -p", (s, c) => MakeAsync(c, At(s, "/d/n/m"), true)),
        New(
            "symlink",
            (s, c) =>
                CodeAsync<SymlinkReq, SymlinkRsp>(
                    c,
                    MetaMethod.Symlink,
                    new SymlinkReq { Path = At(s, "/d/n"), Target = "f" }
                )
        ),
        HardLink("/x/v", "/d/n", (s, u) => PosixOracle.MayChangeNames(u, s.Directory)),
        HardLink("/d/f", "/x/m", (s, u) => PosixOracle.MayReach(u, s.File)),
        Remove("unlink", "/d/f", s => s.File),
        Remove("unlink of a link", "/d/s", s => s.Link),
        Remove("rmdir", "/d/e", s => s.Empty, AtFlags.RemoveDirectory),
        Remove("rm -r of an empty one", "/d/e", s => s.Empty, recursive: true),
        Rename("/d/f", "/d/n", (s, u) => PosixOracle.MayUnlink(u, s.File)),
        Rename(
            "/x/v",
            "/d/f",
            (s, u) => PosixOracle.MayUnlink(u, s.Victim) && PosixOracle.MayUnlink(u, s.File)
        ),
        Rename(
            "/d/f",
            "/x/v",
            (s, u) => PosixOracle.MayUnlink(u, s.File) && PosixOracle.MayUnlink(u, s.Victim)
        ),
        // One name, nothing to do: no permission but to get there.
        Rename("/d/f", "/d/f", (s, u) => PosixOracle.MayReach(u, s.File)),
        SetAttr("chmod in it", "/d/f", r => r.Perm = 0x1FF, (s, u) => PosixOracle.Owns(u, s.File)),
        SetAttr(
            "chmod of the directory",
            "/d",
            r => r.Perm = 0x1FF,
            (s, u) => PosixOracle.Owns(u, s.Directory)
        ),
        SetAttr(
            "utimes of the directory",
            "/d",
            r => r.Mtime = -1,
            (s, u) => PosixOracle.MayTouch(u, s.Directory)
        ),
        // Not in POSIX: a layout and a lock ask for write permission on the directory.
        SetAttr(
            "layout",
            "/d",
            r =>
                r.Layout = new Layout
                {
                    TableId = 1,
                    ChunkSize = 65536,
                    StripeSize = 1,
                },
            (s, u) => PosixOracle.May(u, s.Directory, "w")
        ),
        new(
            "lock",
            (s, c) =>
                CodeAsync<LockDirectoryReq, LockDirectoryRsp>(
                    c,
                    MetaMethod.LockDirectory,
                    new LockDirectoryReq { Inode = s.DirectoryId, Action = LockAction.PreemptLock }
                ),
            (s, u) => PosixOracle.May(u, s.Directory, "w")
        ),
        // An inode number needs no path, hence no permission on the way.
        new(
            "batchStat",
            (s, c) =>
                CodeAsync<BatchStatReq, BatchStatRsp>(
                    c,
                    MetaMethod.BatchStat,
                    new BatchStatReq { InodeIds = [s.DirectoryId] }
                ),
            (_, _) => true,
            Changes: false
        ),
    ];

    /// <summary>Requests that take a name from one directory to another.</summary>
    public static IReadOnlyList<PermissionOperation> AcrossDirectories { get; } =
    [
        Rename(
            "/d/f",
            "/x/n",
            (s, u) => PosixOracle.MayUnlink(u, s.File) && PosixOracle.MayChangeNames(u, s.Other)
        ),
        Rename(
            "/d/e",
            "/x/n",
            // The directory gets another "..".
            (s, u) =>
                PosixOracle.MayUnlink(u, s.Empty)
                && PosixOracle.MayChangeNames(u, s.Other)
                && PosixOracle.May(u, s.Empty, "w")
        ),
        HardLink(
            "/d/f",
            "/x/n",
            (s, u) => PosixOracle.MayReach(u, s.File) && PosixOracle.MayChangeNames(u, s.Other)
        ),
    ];

    /// <summary>Requests that take a name away, which the sticky bit restricts.</summary>
    public static IReadOnlyList<PermissionOperation> Sticky { get; } =
    [
        .. OnDirectory.Where(o =>
            o.Name is "unlink" or "unlink of a link" or "rmdir" or "rename /x/v to /d/f"
        ),
        Rename("/d/f", "/x/n", (s, u) => PosixOracle.MayUnlink(u, s.File)),
    ];

    /// <summary>
    /// Removal of a tree. Not in POSIX as one request: it needs what unlink of the top needs, and ownership and
    /// all permissions of every directory in it.
    /// </summary>
    public static PermissionOperation RemoveTree { get; } =
        Remove("rm -r", "/d/t", s => s.Tree, recursive: true) with
        {
            Allowed = (s, u) =>
                PosixOracle.MayUnlink(u, s.Tree)
                && new[] { s.Tree, s.Sub }.All(n =>
                    PosixOracle.Owns(u, n) && PosixOracle.May(u, n, "rwx")
                ),
        };

    private static PathAt At(PermissionScene scene, string path) =>
        MetaFixture.At(scene.Top + path);

    private static async Task<StatusCode> CodeAsync<TReq, TRsp>(
        RawClient client,
        ushort method,
        TReq request
    )
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        (await client.MetaAsync<TReq, TRsp>(method, request)).Status.Code;

    private static Task<StatusCode> MakeAsync(RawClient client, PathAt path, bool recursive) =>
        CodeAsync<MkdirsReq, MkdirsRsp>(
            client,
            MetaMethod.Mkdirs,
            new MkdirsReq
            {
                Path = path,
                // A mode that would stop its own user half way down.
                Perm = 0x124,
                Recursive = recursive,
            }
        );

    private static PermissionOperation New(
        string name,
        Func<PermissionScene, RawClient, Task<StatusCode>> run
    ) => new(name, run, (s, u) => PosixOracle.MayChangeNames(u, s.Directory));

    private static SessionInfo? SessionFor(OpenFlags flags, RawClient client) =>
        (flags & OpenFlags.AccessMask) == OpenFlags.ReadOnly
            ? null
            : new SessionInfo { Client = client.Id, Session = Guid.NewGuid() };

    private static PermissionOperation Open(
        string name,
        string path,
        OpenFlags flags,
        Func<PermissionScene, PosixNode> node,
        string letters
    ) =>
        new(
            name,
            (s, c) =>
                CodeAsync<OpenReq, OpenRsp>(
                    c,
                    MetaMethod.Open,
                    new OpenReq
                    {
                        Path = At(s, path),
                        Flags = flags,
                        Session = SessionFor(flags, c),
                        RemoveChunksBatchSize = 32,
                    }
                ),
            (s, u) => PosixOracle.MayReach(u, node(s)) && PosixOracle.May(u, node(s), letters),
            Changes: false
        );

    private static PermissionOperation Create(
        string name,
        string path,
        OpenFlags flags,
        Func<PermissionScene, PosixNode> node,
        string letters
    ) =>
        new(
            name,
            (s, c) =>
                CodeAsync<CreateReq, CreateRsp>(
                    c,
                    MetaMethod.Create,
                    new CreateReq
                    {
                        Path = At(s, path),
                        Flags = flags | OpenFlags.Create,
                        Session = SessionFor(flags, c),
                    }
                ),
            (s, u) => PosixOracle.MayReach(u, node(s)) && PosixOracle.May(u, node(s), letters),
            Changes: false
        );

    private static PermissionOperation Stat(
        string name,
        string path,
        Func<PermissionScene, PosixNode> node
    ) =>
        new(
            name,
            (s, c) =>
                CodeAsync<StatReq, StatRsp>(c, MetaMethod.Stat, new StatReq { Path = At(s, path) }),
            (s, u) => PosixOracle.MayReach(u, node(s)),
            Changes: false
        );

    private static PermissionOperation BatchStat(
        string name,
        string path,
        Func<PermissionScene, PosixNode> node
    ) =>
        new(
            name,
            async (s, c) =>
                (
                    await c.MetaAsync<BatchStatByPathReq, BatchStatByPathRsp>(
                        MetaMethod.BatchStatByPath,
                        new BatchStatByPathReq { Paths = [At(s, path)] }
                    )
                )
                    .Value
                    .Inodes[0]
                    .Status
                    .Code,
            (s, u) => PosixOracle.MayReach(u, node(s)),
            Changes: false
        );

    private static PermissionOperation List(string name, bool status) =>
        new(
            name,
            (s, c) =>
                CodeAsync<ListReq, ListRsp>(
                    c,
                    MetaMethod.List,
                    new ListReq { Path = At(s, "/d"), Status = status }
                ),
            (s, u) => PosixOracle.MayReach(u, s.Directory) && PosixOracle.May(u, s.Directory, "r"),
            Changes: false
        );

    private static PermissionOperation RealPath(
        string path,
        Func<PermissionScene, PosixNode> node
    ) =>
        new(
            "getRealPath",
            (s, c) =>
                CodeAsync<GetRealPathReq, GetRealPathRsp>(
                    c,
                    MetaMethod.GetRealPath,
                    new GetRealPathReq { Path = At(s, path) }
                ),
            (s, u) => PosixOracle.MayReach(u, node(s)),
            Changes: false
        );

    private static PermissionOperation SetAttr(
        string name,
        string path,
        Action<SetAttrReq> change,
        Func<PermissionScene, UserInfo, bool> allowed
    ) =>
        new(
            name,
            (s, c) =>
            {
                var request = new SetAttrReq { Path = At(s, path) };
                change(request);
                return CodeAsync<SetAttrReq, SetAttrRsp>(c, MetaMethod.SetAttr, request);
            },
            allowed
        );

    private static PermissionOperation HardLink(
        string from,
        string to,
        Func<PermissionScene, UserInfo, bool> allowed
    ) =>
        new(
            $"link {from} as {to}",
            (s, c) =>
                CodeAsync<HardLinkReq, HardLinkRsp>(
                    c,
                    MetaMethod.HardLink,
                    new HardLinkReq { OldPath = At(s, from), NewPath = At(s, to) }
                ),
            allowed
        );

    private static PermissionOperation Remove(
        string name,
        string path,
        Func<PermissionScene, PosixNode> node,
        AtFlags flags = AtFlags.None,
        bool recursive = false
    ) =>
        new(
            name,
            (s, c) =>
                CodeAsync<RemoveReq, RemoveRsp>(
                    c,
                    MetaMethod.Remove,
                    new RemoveReq
                    {
                        Path = At(s, path),
                        AtFlags = flags,
                        Recursive = recursive,
                        CheckType = true,
                    }
                ),
            (s, u) => PosixOracle.MayUnlink(u, node(s))
        );

    private static PermissionOperation Rename(
        string from,
        string to,
        Func<PermissionScene, UserInfo, bool> allowed
    ) =>
        new(
            $"rename {from} to {to}",
            (s, c) =>
                CodeAsync<RenameReq, RenameRsp>(
                    c,
                    MetaMethod.Rename,
                    new RenameReq { Src = At(s, from), Dest = At(s, to) }
                ),
            allowed,
            Changes: from != to
        );
}
