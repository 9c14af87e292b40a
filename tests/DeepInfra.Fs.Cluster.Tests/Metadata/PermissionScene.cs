// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>
/// A small tree with chosen owners and modes:
/// <code>
/// top/                  everybody may do everything
///   d/                  the directory in question
///     f  s  e/          a file, a symbolic link to it, an empty directory
///     t/sub/x           a tree
///   x/                  the other directory
///     v                 a file
/// </code>
/// </summary>
internal sealed class PermissionScene
{
    private static int s_count;

    private PermissionScene(string top)
    {
        Top = top;
    }

    public string Top { get; }

    public required PosixNode Directory { get; init; }

    public required PosixNode File { get; init; }

    public required PosixNode Link { get; init; }

    public required PosixNode Empty { get; init; }

    public required PosixNode Tree { get; init; }

    public required PosixNode Sub { get; init; }

    public required PosixNode Other { get; init; }

    public required PosixNode Victim { get; init; }

    public ulong DirectoryId { get; private init; }

    /// <summary>Makes the tree; what belongs to 10:20 is made by that user, the rest is given away by root.</summary>
    public static async Task<PermissionScene> MakeAsync(
        MetaFixture fs,
        RawClient owner,
        Modes modes
    )
    {
        var top = new PosixNode(0, 0, 0x1FF, new PosixNode(0, 0, 0x1FF, null));
        var d = new PosixNode(modes.DirectoryOwner, 20, modes.Directory, top);
        var t = new PosixNode(modes.EntryOwner, 20, modes.Tree, d);
        var x = new PosixNode(10, 20, modes.Other, top);
        var path = $"/scene{Interlocked.Increment(ref s_count)}";
        await fs.MakeDirectoryAsync(path, top.Mode);
        var made = await Task.WhenAll(
            fs.MakeDirectoryAsync(path + "/d", 0x1FF, owner),
            fs.MakeDirectoryAsync(path + "/x", 0x1FF, owner)
        );
        var scene = new PermissionScene(path)
        {
            DirectoryId = made[0].Id,
            Directory = d,
            File = new PosixNode(modes.EntryOwner, 20, modes.File, d),
            Link = new PosixNode(modes.EntryOwner, 20, 0x1FF, d),
            Empty = new PosixNode(modes.EntryOwner, 20, modes.Entry, d),
            Tree = t,
            Sub = new PosixNode(modes.SubOwner, 20, modes.Sub, t),
            Other = x,
            Victim = new PosixNode(10, 20, 0x1B6, x),
        };
        await Task.WhenAll(
            fs.CreateAsync(path + "/d/f", modes.File, owner),
            fs.CreateAsync(path + "/x/v", scene.Victim.Mode, owner),
            fs.SymlinkAsync(path + "/d/s", "f", owner),
            fs.MakeDirectoryAsync(path + "/d/e", modes.Entry, owner),
            modes.WithTree ? MakeTreeAsync(fs, path + "/d/t", owner) : Task.CompletedTask
        );
        (string Name, PosixNode Node, uint MadeWith)[] nodes =
        [
            ("/d/f", scene.File, modes.File),
            ("/d/s", scene.Link, 0x1FF),
            ("/d/e", scene.Empty, modes.Entry),
            .. modes.WithTree
                ? [("/d/t/sub", scene.Sub, 0x1FFu), ("/d/t", scene.Tree, 0x1FFu)]
                : Array.Empty<(string, PosixNode, uint)>(),
            ("/d", d, 0x1FF),
            ("/x", x, 0x1FF),
        ];
        await Task.WhenAll(
            nodes
                .Where(n => n.Node.Uid != 10 || n.Node.Mode != n.MadeWith)
                .Select(n => OwnAsync(fs, path + n.Name, n.Node))
        );
        return scene;
    }

    private static async Task MakeTreeAsync(MetaFixture fs, string path, RawClient owner)
    {
        await fs.MakeDirectoryAsync(path, 0x1FF, owner);
        await fs.MakeDirectoryAsync(path + "/sub", 0x1FF, owner);
        await fs.CreateAsync(path + "/sub/x", by: owner);
    }

    private static async Task OwnAsync(MetaFixture fs, string path, PosixNode node) =>
        MetaFixture.Value(
            await fs.Client.MetaAsync<SetAttrReq, SetAttrRsp>(
                MetaMethod.SetAttr,
                new SetAttrReq
                {
                    Path = MetaFixture.At(path),
                    Flags = AtFlags.SymlinkNoFollow,
                    Uid = node.Uid,
                    Gid = node.Gid,
                    Perm = node.Mode,
                }
            )
        );

    /// <summary>What differs from scene to scene. Modes allow everything where nothing else is said.</summary>
    internal sealed record Modes
    {
        public uint Directory { get; init; } = 0x1FF;

        public uint File { get; init; } = 0x1B6;

        public uint Entry { get; init; } = 0x1FF;

        public uint Other { get; init; } = 0x1FF;

        public uint Tree { get; init; } = 0x1FF;

        public uint Sub { get; init; } = 0x1FF;

        public uint DirectoryOwner { get; init; } = 10;

        public uint EntryOwner { get; init; } = 10;

        public uint SubOwner { get; init; } = 10;

        public bool WithTree { get; init; }
    }
}
