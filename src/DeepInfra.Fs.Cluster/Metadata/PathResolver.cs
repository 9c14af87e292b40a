// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>Where a path leads: the directory, the name in it, and what is there now.</summary>
/// <param name="Parent">The directory.</param>
/// <param name="Name">Name in it; empty when the path is the directory itself (root, parent inode).</param>
/// <param name="Entry">The entry, or null when there is none.</param>
/// <param name="Inode">The inode, or null when there is none.</param>
internal readonly record struct ResolvedPath(
    Inode Parent,
    string Name,
    DirEntry? Entry,
    Inode? Inode
)
{
    /// <summary>The inode.</summary>
    /// <exception cref="ServiceException">There is none (3000).</exception>
    public Inode Existing => Inode ?? throw MetaView.NotFound($"'{Name}'");
}

/// <summary>
/// Walks paths. Intermediate directories are read as of the snapshot: that one of them moves meanwhile
/// does not change what the operation does, because children are keyed by the inode of their directory.
/// </summary>
internal readonly struct PathResolver(MetaView view, UserInfo user)
{
    private const int MaxLinks = 10;
    private const int MaxLinkDepth = 4;
    private const int LoopDepth = 1 << 20;
    private const int MaxPathBytes = 4096;

    /// <summary>Resolves a path; a final symbolic link is followed when asked.</summary>
    /// <exception cref="ServiceException">Not found, not a directory, too many links, no permission, name too long.</exception>
    public ResolvedPath Resolve(PathAt at, bool follow)
    {
        var links = 0;
        return Walk(at.Parent, at.Path, follow, 0, ref links);
    }

    /// <summary>
    /// Resolves a path whose last name is to be created, removed or renamed: it must have one that is a
    /// real name.
    /// </summary>
    /// <exception cref="ServiceException">As <see cref="Resolve"/>; 3 when there is no such name.</exception>
    public ResolvedPath ResolveName(PathAt at, bool follow = false)
    {
        var name = LastName(at.Path);
        if (name is "" or "." or "..")
        {
            throw new ServiceException(StatusCode.InvalidArg, $"path '{at.Path}' has no file name");
        }
        return Resolve(at, follow);
    }

    private ResolvedPath Walk(ulong start, string? path, bool follow, int depth, ref int links)
    {
        if (string.IsNullOrEmpty(path))
        {
            // The inode itself is what the operation is about, not a directory on the way.
            var inode = view.Inode(start);
            return new ResolvedPath(inode, "", null, inode);
        }
        var directory = Start(path.StartsWith('/') ? MetaKeys.Root : start);
        var here = new ResolvedPath(directory, "", null, directory);
        CheckPath(path);
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var mustBeDirectory = path.EndsWith('/');
        for (var i = 0; i < names.Length; i++)
        {
            var last = i == names.Length - 1;
            here = Step(
                RequireDirectory(here),
                names[i],
                follow || !last || mustBeDirectory,
                last,
                depth,
                ref links
            );
            if (here.Inode is null && !last)
            {
                throw MetaView.NotFound($"'{names[i]}' of path '{path}'");
            }
        }
        return here;
    }

    private ResolvedPath Step(
        Inode directory,
        string name,
        bool follow,
        bool last,
        int depth,
        ref int links
    )
    {
        Access.Check(directory.Acl, user, Access.Execute);
        if (name == ".")
        {
            return new ResolvedPath(directory, "", null, directory);
        }
        if (name == "..")
        {
            var parent = Start(((DirectoryInode)directory.Type).Parent);
            return new ResolvedPath(parent, "", null, parent);
        }
        CheckName(name);
        var entry = last ? view.FindEntry(directory.Id, name) : view.PeekEntry(directory.Id, name);
        if (entry is null)
        {
            return new ResolvedPath(directory, name, null, null);
        }
        var inode =
            (last ? view.FindInode(entry.Id) : view.PeekInode(entry.Id))
            ?? throw new ServiceException(
                StatusCode.MetaInconsistent,
                $"entry '{name}' of {directory.Id:x} names inode {entry.Id:x}, which does not exist"
            );
        if (!follow || inode.Type is not SymlinkInode link)
        {
            return new ResolvedPath(directory, name, entry, inode);
        }
        if (++links > MaxLinks || depth == MaxLinkDepth)
        {
            throw new ServiceException(
                StatusCode.MetaTooManySymlinks,
                $"at '{name}': more than {MaxLinks} symbolic links, or links to links deeper than {MaxLinkDepth}"
            );
        }
        return Walk(directory.Id, link.Target, true, depth + 1, ref links);
    }

    /// <summary>Checks the length of a path, of which a request may send as much as a message holds.</summary>
    /// <exception cref="ServiceException">It is above 4096 bytes (3017).</exception>
    public static void CheckPath(string path)
    {
        if (SerdeText.GetByteCount(path) > MaxPathBytes)
        {
            throw new ServiceException(
                StatusCode.MetaNameTooLong,
                $"path of {path.Length} characters"
            );
        }
    }

    /// <summary>Checks the length of a name.</summary>
    /// <exception cref="ServiceException">It is above 255 bytes (3017).</exception>
    public static void CheckName(string name)
    {
        if (SerdeText.GetByteCount(name) > MetaKeys.MaxNameBytes)
        {
            throw new ServiceException(
                StatusCode.MetaNameTooLong,
                $"name of {name.Length} characters"
            );
        }
    }

    private Inode Start(ulong id)
    {
        var inode = view.PeekInode(id) ?? throw MetaView.NotFound($"inode {id:x}");
        return inode;
    }

    private static Inode RequireDirectory(ResolvedPath path) =>
        path.Existing.Type is DirectoryInode
            ? path.Existing
            : throw new ServiceException(
                StatusCode.MetaNotDirectory,
                $"'{path.Name}' is not a directory"
            );

    private static string LastName(string? path)
    {
        var trimmed = path.AsSpan().TrimEnd('/');
        return trimmed[(trimmed.LastIndexOf('/') + 1)..].ToString();
    }

    /// <summary>The absolute path of a directory, by its chain of parents.</summary>
    /// <exception cref="ServiceException">It was removed, alone or with one above it (3000).</exception>
    public static string AbsolutePath(MetaView view, Inode directory)
    {
        var names = new List<string>();
        var current = directory;
        while (current.Id != MetaKeys.Root)
        {
            if (current.Id == MetaKeys.GcRoot)
            {
                throw MetaView.NotFound($"inode {directory.Id:x}, which was removed,");
            }
            var body = (DirectoryInode)current.Type;
            names.Add(body.Name);
            current =
                view.PeekInode(body.Parent) ?? throw MetaView.NotFound($"inode {body.Parent:x}");
            if (names.Count > LoopDepth)
            {
                throw new ServiceException(StatusCode.MetaInconsistent, "directories form a loop");
            }
        }
        names.Reverse();
        return "/" + string.Join('/', names);
    }
}
