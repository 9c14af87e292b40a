// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Fs.Interop;
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

    /// <summary>Makes the entries of a directory durable; replaced by tests to see which.</summary>
    internal Action<string> Flush { get; init; } = FlushDirectory;

    /// <summary>
    /// Makes the entries of a directory durable: names that were created, renamed or deleted in it are so after a
    /// power loss too. Nothing happens on systems other than Linux.
    /// </summary>
    /// <param name="path">Path of the directory in the operating system.</param>
    /// <exception cref="IOException">The directory does not exist or cannot be flushed.</exception>
    public static void FlushDirectory(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        LibC.FlushDirectory(path);
    }

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
    /// <remarks>
    /// When the task completes the new name is durable. So is the content if it was flushed before
    /// (<see cref="FileHandle.FlushAsync"/>).
    /// </remarks>
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

        return new ValueTask(Task.Run(() => FlushParents(from, to), CancellationToken.None));
    }

    /// <inheritdoc/>
    public ValueTask CreateDirectoryAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        var local = ToLocal(FileSystemPath.Normalize(path));
        if (Directory.Exists(local))
        {
            return ValueTask.CompletedTask;
        }

        var changed = MissingBelow(local);
        Directory.CreateDirectory(local);
        return new ValueTask(Task.Run(() => changed.ForEach(Flush), CancellationToken.None));
    }

    /// <inheritdoc/>
    public string TryGetLocalPath(string path) => ToLocal(FileSystemPath.Normalize(path));

    /// <summary>The directories that get an entry when a directory is created with its parents.</summary>
    private static List<string> MissingBelow(string path)
    {
        var changed = new List<string>();
        for (
            var missing = path;
            !Directory.Exists(missing) && Path.GetDirectoryName(missing) is { } parent;
            missing = parent
        )
        {
            changed.Insert(0, parent);
        }

        return changed;
    }

    private void FlushParents(string from, string to)
    {
        var (left, entered) = (Path.GetDirectoryName(from)!, Path.GetDirectoryName(to)!);
        // The new name first: a crash between the two leaves both, never none.
        Flush(entered);
        if (left != entered)
        {
            Flush(left);
        }
    }

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

        var isNew = mode is not FileMode.Open && !File.Exists(local);
#pragma warning disable CA2000 // it belongs to the handle that is returned
        var handle = File.OpenHandle(
            local,
            mode,
            access,
            FileShare.ReadWrite | FileShare.Delete,
            FileOptions.Asynchronous
        );
#pragma warning restore CA2000
        return new ValueTask<FileHandle>(
            new LocalFileHandle(
                canonical,
                handle,
                access != FileAccess.Read,
                isNew ? () => Flush(Path.GetDirectoryName(local)!) : null
            )
        );
    }
}
