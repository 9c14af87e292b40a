// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Fs;

namespace DeepInfra.Pond.Tests;

/// <summary>A file system without local paths, as 3FS is one, whose operations can be made to fail.</summary>
internal sealed class FakeFileSystem(string root) : IFileSystem
{
    private readonly LocalFileSystem _inner = new(root);

    public Action<string, string>? Before { get; set; }

    public int Renames { get; private set; }

    public ValueTask<FileHandle> OpenReadAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        Before?.Invoke("read", path);
        return _inner.OpenReadAsync(path, cancellationToken);
    }

    public ValueTask<FileHandle> OpenWriteAsync(
        string path,
        CancellationToken cancellationToken = default
    )
    {
        Before?.Invoke("write", path);
        return _inner.OpenWriteAsync(path, cancellationToken);
    }

    public ValueTask<FileHandle> CreateAsync(
        string path,
        bool overwrite = true,
        CancellationToken cancellationToken = default
    )
    {
        Before?.Invoke("create", path);
        return _inner.CreateAsync(path, overwrite, cancellationToken);
    }

    public async IAsyncEnumerable<FileSystemEntry> ListAsync(
        string path,
        bool recursive = false,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        Before?.Invoke("list", path);
        await foreach (var entry in _inner.ListAsync(path, recursive, cancellationToken))
        {
            yield return entry;
        }
    }

    public ValueTask<FileSystemEntry?> TryStatAsync(
        string path,
        CancellationToken cancellationToken = default
    ) => _inner.TryStatAsync(path, cancellationToken);

    public ValueTask<bool> DeleteAsync(
        string path,
        bool recursive = false,
        CancellationToken cancellationToken = default
    ) => _inner.DeleteAsync(path, recursive, cancellationToken);

    public ValueTask RenameAsync(
        string source,
        string destination,
        CancellationToken cancellationToken = default
    )
    {
        Before?.Invoke("rename", source);
        Renames++;
        return _inner.RenameAsync(source, destination, cancellationToken);
    }

    public ValueTask CreateDirectoryAsync(
        string path,
        CancellationToken cancellationToken = default
    ) => _inner.CreateDirectoryAsync(path, cancellationToken);

    public string? TryGetLocalPath(string path) => null;
}
