// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

/// <summary>A directory of the operating system as an <see cref="IFileSystem"/>. Thread-safe.</summary>
public sealed class LocalFileSystem : IFileSystem
{
    /// <summary>Value of the <c>backend</c> tag of local measurements.</summary>
    internal const string Backend = "local";

    /// <summary>Takes a directory as the root and creates it if necessary.</summary>
    /// <param name="root">The directory. Paths cannot lead out of it, symbolic links inside it can.</param>
    public LocalFileSystem(string root)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        Root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        Directory.CreateDirectory(Root);
    }

    /// <summary>Absolute path of the root.</summary>
    public string Root { get; }

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
    public ValueTask<FileHandle> CreateAsync(
        string path,
        bool overwrite = true,
        CancellationToken cancellationToken = default
    ) =>
        OpenAsync(
            path,
            overwrite ? FileMode.Create : FileMode.CreateNew,
            FileAccess.ReadWrite,
            cancellationToken
        );

    /// <inheritdoc/>
    public async IAsyncEnumerable<FileSystemEntry> ListAsync(
        string path,
        bool recursive = false,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var canonical = FileSystemPath.Normalize(path);
        var children = await Task.Run(() => Children(canonical), cancellationToken)
            .ConfigureAwait(false);
        foreach (var child in children)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return child;
            if (recursive && child.IsDirectory)
            {
                var below = ListAsync(child.Path, recursive, cancellationToken);
                await foreach (var entry in below.ConfigureAwait(false))
                {
                    yield return entry;
                }
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask<FileSystemEntry?> TryStatAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        var canonical = FileSystemPath.Normalize(path);
        FileSystemInfo info = new FileInfo(ToLocal(canonical));
        if (info.LinkTarget is not null)
        {
            info = info.ResolveLinkTarget(returnFinalTarget: true) ?? info;
        }

        if (!info.Exists)
        {
            info = new DirectoryInfo(info.FullName);
        }

        return new ValueTask<FileSystemEntry?>(info.Exists ? Describe(canonical, info) : null);
    }

    /// <inheritdoc/>
    public ValueTask<bool> DeleteAsync(
        string path,
        bool recursive = false,
        CancellationToken cancellationToken = default
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        var local = ToLocal(NotRoot(path));
        var file = new FileInfo(local);
        if (file.Exists || file.LinkTarget is not null)
        {
            file.Delete();
            return new ValueTask<bool>(true);
        }

        try
        {
            Directory.Delete(local, recursive);
            return new ValueTask<bool>(true);
        }
        catch (DirectoryNotFoundException)
        {
            return new ValueTask<bool>(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask RenameAsync(
        string source,
        string destination,
        CancellationToken cancellationToken = default
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        var from = ToLocal(NotRoot(source));
        var to = ToLocal(NotRoot(destination));
        if (Directory.Exists(to))
        {
            throw new IOException($"'{destination}' is a directory");
        }

        if (Directory.Exists(from) && new FileInfo(from).LinkTarget is null)
        {
            if (File.Exists(to))
            {
                throw new IOException($"'{destination}' is a file");
            }

            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to, overwrite: true);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask CreateDirectoryAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        Directory.CreateDirectory(ToLocal(FileSystemPath.Normalize(path)));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public string TryGetLocalPath(string path) => ToLocal(FileSystemPath.Normalize(path));

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

    private static FileSystemEntry Describe(string path, FileSystemInfo info)
    {
        var kind =
            info.LinkTarget is not null ? FileSystemEntryKind.SymbolicLink
            : info is DirectoryInfo ? FileSystemEntryKind.Directory
            : FileSystemEntryKind.File;
        var length = kind == FileSystemEntryKind.File ? ((FileInfo)info).Length : 0;
        return new FileSystemEntry(
            path,
            kind,
            length,
            new DateTimeOffset(info.LastWriteTimeUtc, TimeSpan.Zero)
        );
    }

    private string ToLocal(string canonical) =>
        canonical.Length == 0
            ? Root
            : Path.Join(Root, canonical.Replace('/', Path.DirectorySeparatorChar));

    private List<FileSystemEntry> Children(string canonical)
    {
        var directory = new DirectoryInfo(ToLocal(canonical));
        var entries = new List<FileSystemEntry>();
        foreach (var info in directory.EnumerateFileSystemInfos())
        {
            try
            {
                entries.Add(Describe(FileSystemPath.Combine(canonical, info.Name), info));
            }
            catch (FileNotFoundException)
            {
                // Deleted by somebody else since the listing started.
            }
        }

        entries.Sort((a, b) => SerdeText.ByteOrder.Compare(a.Name, b.Name));
        return entries;
    }

    private ValueTask<FileHandle> OpenAsync(
        string path,
        FileMode mode,
        FileAccess access,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        var canonical = NotRoot(path);
        var local = ToLocal(canonical);
        if (Directory.Exists(local))
        {
            throw new IOException($"'{canonical}' is a directory");
        }

        var handle = File.OpenHandle(
            local,
            mode,
            access,
            FileShare.ReadWrite | FileShare.Delete,
            FileOptions.Asynchronous
        );
        return new ValueTask<FileHandle>(
            new LocalFileHandle(canonical, handle, access != FileAccess.Read)
        );
    }
}
