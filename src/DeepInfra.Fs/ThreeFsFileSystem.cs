// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Fs;

/// <summary>A 3FS cluster, or a directory of it, as an <see cref="IFileSystem"/>. Thread-safe.</summary>
public sealed class ThreeFsFileSystem : IFileSystem
{
    /// <summary>Takes a directory of a cluster as the root.</summary>
    /// <param name="client">The client; the file system does not dispose it.</param>
    /// <param name="root">The directory, "" for the cluster's root. It must exist when it is used.</param>
    /// <param name="layout">Layout of files that are created; null takes that of their directory.</param>
    public ThreeFsFileSystem(ThreeFsClient client, string root = "", ThreeFsLayout? layout = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        Client = client;
        Root = FileSystemPath.Normalize(root);
        Layout = layout;
    }

    /// <summary>The client.</summary>
    public ThreeFsClient Client { get; }

    /// <summary>The directory that serves as the root, in canonical form.</summary>
    public string Root { get; }

    /// <summary>Layout of files that are created; null takes that of their directory.</summary>
    public ThreeFsLayout? Layout { get; }

    /// <inheritdoc/>
    public ValueTask<FileHandle> OpenReadAsync(
        string path,
        CancellationToken cancellationToken = default
    ) => OpenAsync(path, FileMode.Open, FileAccess.Read, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<FileHandle> OpenWriteAsync(
        string path,
        CancellationToken cancellationToken = default
    ) => OpenAsync(path, FileMode.Open, FileAccess.ReadWrite, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<FileHandle> CreateAsync(
        string path,
        bool overwrite = true,
        CancellationToken cancellationToken = default
    )
    {
        try
        {
            return await OpenAsync(
                    path,
                    overwrite ? FileMode.Create : FileMode.CreateNew,
                    FileAccess.ReadWrite,
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch (FileNotFoundException e)
        {
            // What is missing when a file is created is its directory.
            throw new DirectoryNotFoundException(e.Message, e.InnerException);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<FileSystemEntry> ListAsync(
        string path,
        bool recursive = false,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var canonical = FileSystemPath.Normalize(path);
        var entries = Client.EnumerateAsync(Full(canonical), withInfo: true, cancellationToken);
        await foreach (var entry in entries.ConfigureAwait(false))
        {
            var child = FileSystemPath.Combine(canonical, entry.Name);
            yield return new FileSystemEntry(
                child,
                entry.Kind,
                entry.Info?.Length ?? 0,
                entry.Info?.LastModified ?? default
            );
            if (recursive && entry.Kind == FileSystemEntryKind.Directory)
            {
                var below = ListAsync(child, recursive, cancellationToken);
                await foreach (var descendant in below.ConfigureAwait(false))
                {
                    yield return descendant;
                }
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<FileSystemEntry?> TryStatAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        var canonical = FileSystemPath.Normalize(path);
        var info = await Client
            .TryGetInfoAsync(Full(canonical), followLinks: true, cancellationToken)
            .ConfigureAwait(false);
        return info is null
            ? null
            : new FileSystemEntry(canonical, info.Kind, info.Length, info.LastModified);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DeleteAsync(
        string path,
        bool recursive = false,
        CancellationToken cancellationToken = default
    )
    {
        try
        {
            await Client
                .DeleteAsync(Full(NotRoot(path)), recursive, cancellationToken)
                .ConfigureAwait(false);
            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public ValueTask RenameAsync(
        string source,
        string destination,
        CancellationToken cancellationToken = default
    ) =>
        Client.MoveAsync(
            Full(NotRoot(source)),
            Full(NotRoot(destination)),
            overwrite: true,
            cancellationToken
        );

    /// <inheritdoc/>
    public async ValueTask CreateDirectoryAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        var full = Full(FileSystemPath.Normalize(path));
        if (full.Length == 0)
        {
            return;
        }

        try
        {
            await Client
                .CreateDirectoryAsync(full, cancellationToken: cancellationToken)
                .ConfigureAwait(false);
        }
        catch (IOException e)
            when (e.InnerException is ThreeFsException { StatusCode: StatusCode.MetaExists })
        {
            var existing = await Client
                .TryGetInfoAsync(full, followLinks: true, cancellationToken)
                .ConfigureAwait(false);
            if (existing is not { Kind: FileSystemEntryKind.Directory })
            {
                throw;
            }
        }
    }

    /// <summary>Always null: the cluster is not mounted.</summary>
    /// <param name="path">Ignored.</param>
    public string? TryGetLocalPath(string path) => null;

    private static string NotRoot(string path)
    {
        var canonical = FileSystemPath.Normalize(path);
        return canonical.Length > 0
            ? canonical
            : throw new ArgumentException(
                "path: expected a path below the root, got the root",
                nameof(path)
            );
    }

    private string Full(string canonical) => FileSystemPath.Combine(Root, canonical);

    private async ValueTask<FileHandle> OpenAsync(
        string path,
        FileMode mode,
        FileAccess access,
        CancellationToken cancellationToken
    )
    {
        var options = Layout is null ? null : new ThreeFsOpenOptions { Layout = Layout };
        return await Client
            .OpenAsync(Full(NotRoot(path)), mode, access, options, cancellationToken)
            .ConfigureAwait(false);
    }
}
