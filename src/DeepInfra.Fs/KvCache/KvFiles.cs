// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.KvCache;

/// <summary>Whole files: written under a temporary name and renamed, so that readers see all of one or none.</summary>
internal static class KvFiles
{
    public const string TemporarySuffix = ".tmp";

    public static async ValueTask WriteAsync(
        IFileSystem fileSystem,
        string path,
        ReadOnlyMemory<byte> content,
        CancellationToken cancellationToken
    )
    {
        var temporary = $"{path}.{Guid.NewGuid():N}{TemporarySuffix}";
        try
        {
            var file = await fileSystem
                .CreateAsync(temporary, overwrite: false, cancellationToken)
                .ConfigureAwait(false);
            await using (file.ConfigureAwait(false))
            {
                await file.WriteAsync(content, 0, cancellationToken).ConfigureAwait(false);
            }

            await fileSystem.RenameAsync(temporary, path, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await TryDeleteAsync(fileSystem, temporary).ConfigureAwait(false);
            throw;
        }
    }

    public static async ValueTask<byte[]?> TryReadAsync(
        IFileSystem fileSystem,
        string path,
        CancellationToken cancellationToken
    )
    {
        FileHandle file;
        try
        {
            file = await fileSystem.OpenReadAsync(path, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        await using (file.ConfigureAwait(false))
        {
            var bytes = new byte[checked((int)file.Length)];
            var count = await file.ReadAsync(bytes, 0, cancellationToken).ConfigureAwait(false);
            return count == bytes.Length ? bytes : bytes[..count];
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
