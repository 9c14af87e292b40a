// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

public sealed partial class ThreeFsClient
{
    /// <summary>Permissions of directories that are created without others being named.</summary>
    private const UnixFileMode DirectoryMode =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    /// <summary>Creates a directory.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="parents">Whether missing parents are created too.</param>
    /// <param name="mode">Permissions; null means 0755.</param>
    /// <param name="layout">Default layout of files below; null inherits the parent's.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="IOException">The path exists already.</exception>
    /// <exception cref="DirectoryNotFoundException">A parent is missing and <paramref name="parents"/> is false.</exception>
    public async ValueTask CreateDirectoryAsync(
        string path,
        bool parents = true,
        UnixFileMode? mode = null,
        ThreeFsLayout? layout = null,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var request = new MkdirsReq
        {
            Path = At(canonical),
            Perm = (uint)(mode ?? DirectoryMode),
            Recursive = parents,
            Layout = layout?.ToWire(),
        };
        var result = await Meta.MutateAsync<MkdirsReq, MkdirsRsp>(
                MetaMethod.Mkdirs,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, "create the directory", canonical, directory: true);
    }

    /// <summary>Deletes a file, a symbolic link or a directory.</summary>
    /// <param name="path">What to delete.</param>
    /// <param name="recursive">Whether a directory goes with its content; otherwise it must be empty.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is nothing.</exception>
    /// <exception cref="IOException">The directory is not empty and <paramref name="recursive"/> is false.</exception>
    public async ValueTask DeleteAsync(
        string path,
        bool recursive = false,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var request = new RemoveReq { Path = At(canonical) };
        if (recursive)
        {
            // Naming the inode protects what somebody else may put under the same path meanwhile.
            var inode = await StatAsync(canonical, followLinks: false, cancellationToken)
                .ConfigureAwait(false);
            ThrowIfFailed(inode, "delete", canonical);
            request.Recursive = inode.Value.Type is DirectoryInode;
            request.InodeId = inode.Value.Id;
        }

        var result = await Meta.MutateAsync<RemoveReq, RemoveRsp>(
                MetaMethod.Remove,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, "delete", canonical);
    }

    /// <summary>Renames a file or directory in one step.</summary>
    /// <param name="source">The present path.</param>
    /// <param name="destination">The new path.</param>
    /// <param name="overwrite">
    /// Whether a file, or an empty directory, at the destination is replaced, which is how the service works. False
    /// looks first and is therefore not safe against others creating the destination meanwhile.
    /// </param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">The source does not exist.</exception>
    /// <exception cref="IOException">The destination is in the way.</exception>
    public async ValueTask MoveAsync(
        string source,
        string destination,
        bool overwrite = false,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var from = FileSystemPath.Normalize(source);
        var to = FileSystemPath.Normalize(destination);
        if (!overwrite)
        {
            var existing = await StatAsync(to, followLinks: false, cancellationToken)
                .ConfigureAwait(false);
            if (existing.HasValue)
            {
                throw ThreeFsErrors.ToException(
                    new Status(StatusCode.MetaExists),
                    $"move '{from}'",
                    to
                );
            }
        }

        var request = new RenameReq { Src = At(from), Dest = At(to) };
        await RenameAsync(request, from, to, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Moves a file or directory into a user's trash directory, from where it can be moved back.</summary>
    /// <param name="path">What to move.</param>
    /// <param name="trashPath">Where in the trash it goes, as <c>/trash/user/name-start-end/…</c>.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is nothing.</exception>
    public async ValueTask MoveToTrashAsync(
        string path,
        string trashPath,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var from = FileSystemPath.Normalize(path);
        var to = FileSystemPath.Normalize(trashPath);
        var request = new RenameReq
        {
            Src = At(from),
            Dest = At(to),
            MoveToTrash = true,
        };
        await RenameAsync(request, from, to, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Creates a symbolic link.</summary>
    /// <param name="path">The link.</param>
    /// <param name="target">What it points to; a relative target starts at the link's directory. It need not exist.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="IOException">The path exists already.</exception>
    public async ValueTask CreateSymbolicLinkAsync(
        string path,
        string target,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentException.ThrowIfNullOrEmpty(target);
        var canonical = FileSystemPath.Normalize(path);
        var request = new SymlinkReq { Path = At(canonical), Target = target };
        var result = await Meta.MutateAsync<SymlinkReq, SymlinkRsp>(
                MetaMethod.Symlink,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, "create the symbolic link", canonical);
    }

    /// <summary>Gives a file a second name.</summary>
    /// <param name="path">The new name.</param>
    /// <param name="existing">The file.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="IOException">The new name exists already, or the file is a directory.</exception>
    public async ValueTask CreateHardLinkAsync(
        string path,
        string existing,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var request = new HardLinkReq
        {
            OldPath = At(FileSystemPath.Normalize(existing)),
            NewPath = At(canonical),
            Flags = AtFlags.SymlinkFollow,
        };
        var result = await Meta.MutateAsync<HardLinkReq, HardLinkRsp>(
                MetaMethod.HardLink,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, $"link '{existing}'", canonical);
    }

    /// <summary>The path of a file or directory with all symbolic links resolved.</summary>
    /// <param name="path">A path.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is nothing.</exception>
    public async ValueTask<string> ResolvePathAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var request = new GetRealPathReq { Path = At(canonical), Absolute = true };
        var result = await Meta.QueryAsync<GetRealPathReq, GetRealPathRsp>(
                MetaMethod.GetRealPath,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, "resolve the path", canonical);
        return result.Value.Path;
    }

    private async ValueTask RenameAsync(
        RenameReq request,
        string from,
        string to,
        CancellationToken cancellationToken
    )
    {
        var result = await Meta.MutateAsync<RenameReq, RenameRsp>(
                MetaMethod.Rename,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        ThrowIfFailed(result, $"move to '{to}'", from);
    }

    private static void ThrowIfFailed<T>(
        Result<T> result,
        string operation,
        string path,
        bool directory = false
    )
    {
        if (!result.HasValue)
        {
            throw ThreeFsErrors.ToException(result.Status, operation, "/" + path, directory);
        }
    }
}
