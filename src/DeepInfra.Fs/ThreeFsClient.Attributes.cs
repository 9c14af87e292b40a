// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

public sealed partial class ThreeFsClient
{
    private const int ListPage = 1024;
    private const int StatBatch = 256;

    /// <summary>Describes a file, directory or symbolic link.</summary>
    /// <param name="path">What to describe.</param>
    /// <param name="followLinks">Whether a symbolic link at the end of the path is followed.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is nothing.</exception>
    public async ValueTask<ThreeFsFileInfo> GetInfoAsync(
        string path,
        bool followLinks = true,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var result = await StatAsync(canonical, followLinks, cancellationToken)
            .ConfigureAwait(false);
        ThrowIfFailed(result, "look up", canonical);
        return ThreeFsFileInfo.FromWire(canonical, result.Value);
    }

    /// <summary>Describes a file, directory or symbolic link; null when there is nothing.</summary>
    /// <param name="path">What to describe.</param>
    /// <param name="followLinks">Whether a symbolic link at the end of the path is followed.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<ThreeFsFileInfo?> TryGetInfoAsync(
        string path,
        bool followLinks = true,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var result = await StatAsync(canonical, followLinks, cancellationToken)
            .ConfigureAwait(false);
        if (IsAbsent(result.Status.Code))
        {
            return null;
        }

        ThrowIfFailed(result, "look up", canonical);
        return ThreeFsFileInfo.FromWire(canonical, result.Value);
    }

    /// <summary>Describes many files with few requests; absent ones are null.</summary>
    /// <param name="paths">What to describe.</param>
    /// <param name="followLinks">Whether symbolic links at the ends of the paths are followed.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<IReadOnlyList<ThreeFsFileInfo?>> GetInfosAsync(
        IReadOnlyList<string> paths,
        bool followLinks = true,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentNullException.ThrowIfNull(paths);
        var canonical = paths.Select(FileSystemPath.Normalize).ToList();
        var infos = new List<ThreeFsFileInfo?>(paths.Count);
        while (infos.Count < canonical.Count)
        {
            var batch = canonical.Skip(infos.Count).Take(StatBatch).ToList();
            var request = new BatchStatByPathReq
            {
                Paths = [.. batch.Select(At)],
                Flags = LinkFlags(followLinks),
            };
            var result = await Meta.QueryAsync<BatchStatByPathReq, BatchStatByPathRsp>(
                    MetaMethod.BatchStatByPath,
                    request,
                    cancellationToken
                )
                .ConfigureAwait(false);
            ThrowIfFailed(result, "look up", batch[0]);
            if (result.Value.Inodes.Count != batch.Count)
            {
                throw new ThreeFsException(
                    StatusCode.FoundBug,
                    $"{batch.Count} paths were looked up, {result.Value.Inodes.Count} answers came"
                );
            }

            for (var i = 0; i < batch.Count; i++)
            {
                var inode = result.Value.Inodes[i];
                if (!inode.HasValue && !IsAbsent(inode.Status.Code))
                {
                    ThrowIfFailed(inode, "look up", batch[i]);
                }

                infos.Add(inode.HasValue ? ThreeFsFileInfo.FromWire(batch[i], inode.Value) : null);
            }
        }

        return infos;
    }

    /// <summary>Lists a directory in the byte order of names, page by page.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="withInfo">Whether each entry comes with its attributes.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public async IAsyncEnumerable<ThreeFsEntry> EnumerateAsync(
        string path,
        bool withInfo = false,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var previous = "";
        bool more;
        do
        {
            var request = new ListReq
            {
                Path = At(canonical),
                Prev = previous,
                Limit = ListPage,
                Status = withInfo,
            };
            var result = await Meta.QueryAsync<ListReq, ListRsp>(
                    MetaMethod.List,
                    request,
                    cancellationToken
                )
                .ConfigureAwait(false);
            ThrowIfFailed(result, "list the directory", canonical, directory: true);
            var page = result.Value;
            for (var i = 0; i < page.Entries.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var entry = page.Entries[i];
                if (!FileSystemPath.IsName(entry.Name))
                {
                    // Callers make paths of names: one that leads elsewhere must not get that far.
                    throw new ThreeFsException(
                        StatusCode.MetaInconsistent,
                        $"the service lists an entry of the impossible name '{entry.Name}'",
                        "/" + canonical
                    );
                }

                previous = entry.Name;
                var info =
                    withInfo && i < page.Inodes.Count
                        ? ThreeFsFileInfo.FromWire(
                            FileSystemPath.Combine(canonical, entry.Name),
                            page.Inodes[i]
                        )
                        : null;
                yield return new ThreeFsEntry(
                    entry.Name,
                    (FileSystemEntryKind)entry.Type,
                    entry.Id,
                    info
                );
            }

            more = page.More && page.Entries.Count > 0;
        } while (more);
    }

    /// <summary>Changes permissions. Needs the owner or root.</summary>
    /// <param name="path">File or directory.</param>
    /// <param name="mode">The new permission bits.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask SetUnixFileModeAsync(
        string path,
        UnixFileMode mode,
        CancellationToken cancellationToken = default
    ) =>
        SetAttributesAsync(
            path,
            new SetAttrReq { Perm = (uint)mode },
            "change the permissions",
            cancellationToken
        );

    /// <summary>Changes owner and group. A new owner needs root; the owner may choose one of the own groups.</summary>
    /// <param name="path">File or directory.</param>
    /// <param name="uid">New owner; null keeps the present one.</param>
    /// <param name="gid">New group; null keeps the present one.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask SetOwnerAsync(
        string path,
        uint? uid,
        uint? gid,
        CancellationToken cancellationToken = default
    ) =>
        SetAttributesAsync(
            path,
            new SetAttrReq { Uid = uid, Gid = gid },
            "change the owner",
            cancellationToken
        );

    /// <summary>Changes times; servers keep whole seconds.</summary>
    /// <param name="path">File or directory.</param>
    /// <param name="lastAccessed">New time of access; null keeps the present one.</param>
    /// <param name="lastModified">New time of modification; null keeps the present one.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask SetTimesAsync(
        string path,
        DateTimeOffset? lastAccessed,
        DateTimeOffset? lastModified,
        CancellationToken cancellationToken = default
    ) =>
        SetAttributesAsync(
            path,
            new SetAttrReq
            {
                Atime = lastAccessed is { } a ? ThreeFsFileInfo.FromTime(a) : null,
                Mtime = lastModified is { } m ? ThreeFsFileInfo.FromTime(m) : null,
            },
            "change the times",
            cancellationToken
        );

    /// <summary>Changes the layout that new files below a directory get; existing files keep theirs.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="layout">The new layout.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask SetLayoutAsync(
        string path,
        ThreeFsLayout layout,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(layout);
        return SetAttributesAsync(
            path,
            new SetAttrReq { Layout = layout.ToWire() },
            "change the layout",
            cancellationToken
        );
    }

    /// <summary>Capacity and use of the file system; servers answer from a cache of about a minute.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<ThreeFsSpace> GetFileSystemInfoAsync(
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var result = await Meta.QueryAsync<StatFsReq, StatFsRsp>(
                MetaMethod.StatFs,
                new StatFsReq(),
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, "ask for the capacity", "");
        var space = result.Value;
        return new ThreeFsSpace((long)space.Capacity, (long)space.Used, (long)space.Free);
    }

    internal static bool IsAbsent(StatusCode code) =>
        code is StatusCode.MetaNotFound or StatusCode.MetaNotDirectory;

    internal async ValueTask<Result<Inode>> StatAsync(
        string canonical,
        bool followLinks,
        CancellationToken cancellationToken
    )
    {
        var request = new StatReq { Path = At(canonical), Flags = LinkFlags(followLinks) };
        var result = await Meta.QueryAsync<StatReq, StatRsp>(
                MetaMethod.Stat,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        return result.HasValue ? result.Value.Stat : result.Status;
    }

    private static AtFlags LinkFlags(bool follow) =>
        follow ? AtFlags.SymlinkFollow : AtFlags.SymlinkNoFollow;

    private async ValueTask SetAttributesAsync(
        string path,
        SetAttrReq request,
        string operation,
        CancellationToken cancellationToken
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        request.Path = At(canonical);
        request.Flags = AtFlags.SymlinkFollow;
        var result = await Meta.MutateAsync<SetAttrReq, SetAttrRsp>(
                MetaMethod.SetAttr,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, operation, canonical);
    }
}
