// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>Conveniences on every <see cref="IFileSystem"/>.</summary>
public static class FileSystemExtensions
{
    /// <summary>Describes a file or directory, following symbolic links.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="path">The file or directory.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is neither.</exception>
    public static async ValueTask<FileSystemEntry> StatAsync(
        this IFileSystem fileSystem,
        string path,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        return await fileSystem.TryStatAsync(path, cancellationToken).ConfigureAwait(false)
            ?? throw new FileNotFoundException($"'{path}' does not exist", path);
    }

    /// <summary>Says whether a file or directory exists.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="path">The file or directory.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public static async ValueTask<bool> ExistsAsync(
        this IFileSystem fileSystem,
        string path,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        return await fileSystem.TryStatAsync(path, cancellationToken).ConfigureAwait(false)
            is not null;
    }

    /// <summary>Reads a whole file of less than 2 GiB.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static async ValueTask<byte[]> ReadAllBytesAsync(
        this IFileSystem fileSystem,
        string path,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        var file = await fileSystem.OpenReadAsync(path, cancellationToken).ConfigureAwait(false);
        await using (file.ConfigureAwait(false))
        {
            var bytes = new byte[checked((int)file.Length)];
            var count = await file.ReadAsync(bytes, 0, cancellationToken).ConfigureAwait(false);
            return count == bytes.Length ? bytes : bytes[..count];
        }
    }

    /// <summary>Reads a whole file of less than 2 GiB; null when there is none.</summary>
    internal static async ValueTask<byte[]?> TryReadAllBytesAsync(
        this IFileSystem fileSystem,
        string path,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await fileSystem
                .ReadAllBytesAsync(path, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>
    /// Writes a whole file under a temporary name beside it and renames it into place: others see the old content or
    /// the new, never a part, after a power loss too. The parent directory must exist.
    /// </summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="path">The file; an existing one is replaced.</param>
    /// <param name="content">The content; it must not change until the task completes.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public static ValueTask WriteAllBytesAsync(
        this IFileSystem fileSystem,
        string path,
        ReadOnlyMemory<byte> content,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        return fileSystem.ReplaceAsync(path, content, flush: true, cancellationToken);
    }

    /// <summary>As <see cref="WriteAllBytesAsync"/>; without the flush for what carries its own checksum and may get lost.</summary>
    internal static async ValueTask ReplaceAsync(
        this IFileSystem fileSystem,
        string path,
        ReadOnlyMemory<byte> content,
        bool flush,
        CancellationToken cancellationToken
    )
    {
        var temporary = $"{FileSystemPath.Normalize(path)}.{Guid.NewGuid():N}.tmp";
        try
        {
            var file = await fileSystem
                .CreateAsync(temporary, overwrite: false, cancellationToken)
                .ConfigureAwait(false);
            await using (file.ConfigureAwait(false))
            {
                await file.WriteAsync(content, 0, cancellationToken).ConfigureAwait(false);
                if (flush)
                {
                    await file.FlushAsync(cancellationToken).ConfigureAwait(false);
                }
            }

            await fileSystem.RenameAsync(temporary, path, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await TryDeleteAsync(fileSystem, temporary).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask TryDeleteAsync(IFileSystem fileSystem, string path)
    {
        try
        {
            await fileSystem.DeleteAsync(path).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or Core.DeepInfraException or TimeoutException)
        {
            // The original failure is what the caller needs to see.
        }
    }
}
