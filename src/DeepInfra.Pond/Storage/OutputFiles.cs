// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs;

namespace DeepInfra.Pond.Storage;

/// <summary>Reads and checks directories that Pond has written.</summary>
internal static class OutputFiles
{
    public const string ManifestName = "_manifest.json";

    /// <summary>The manifest of an output directory, or null when the path is not one.</summary>
    public static async Task<OutputManifest?> TryReadAsync(
        PondPath directory,
        CancellationToken cancellation
    )
    {
        var path = directory.Combine(ManifestName);
        var bytes = await TryReadBytesAsync(path, cancellation).ConfigureAwait(false);
        if (bytes is null)
        {
            return null;
        }

        try
        {
            var manifest = JsonSerializer.Deserialize(bytes, PondJson.Default.OutputManifest);
            if (manifest is { V: 1 })
            {
                return manifest;
            }
        }
        catch (JsonException e)
        {
            throw new PondCorruptFileException($"{path.Display} is not a manifest: {e.Message}", e)
            {
                File = path.Display,
            };
        }

        throw new PondCorruptFileException(
            $"{path.Display} has a format version that is not supported."
        )
        {
            File = path.Display,
        };
    }

    /// <summary>Whether every file of a manifest is there with its size.</summary>
    public static async Task<bool> AreWholeAsync(
        PondPath directory,
        OutputManifest manifest,
        CancellationToken cancellation
    )
    {
        foreach (var file in manifest.Files)
        {
            var entry = await directory
                .FileSystem.TryStatAsync(directory.Combine(file.Name).Path, cancellation)
                .ConfigureAwait(false);
            if (entry is null || entry.Length != file.Bytes)
            {
                return false;
            }
        }

        return true;
    }

    public static async Task<byte[]?> TryReadBytesAsync(
        PondPath path,
        CancellationToken cancellation
    )
    {
        if (
            await path.FileSystem.TryStatAsync(path.Path, cancellation).ConfigureAwait(false)
            is not { IsDirectory: false } entry
        )
        {
            return null;
        }

        FileHandle handle;
        try
        {
            handle = await path
                .FileSystem.OpenReadAsync(path.Path, cancellation)
                .ConfigureAwait(false);
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        await using (handle.ConfigureAwait(false))
        {
            var buffer = new byte[entry.Length];
            var count = 0;
            while (count < buffer.Length)
            {
                var read = await handle
                    .ReadAsync(buffer.AsMemory(count), count, cancellation)
                    .ConfigureAwait(false);
                if (read == 0)
                {
                    break;
                }

                count += read;
            }

            return count == buffer.Length ? buffer : buffer[..count];
        }
    }

    public static async Task WriteBytesAsync(
        PondPath path,
        ReadOnlyMemory<byte> content,
        bool flush,
        CancellationToken cancellation
    )
    {
        var handle = await path
            .FileSystem.CreateAsync(path.Path, overwrite: true, cancellation)
            .ConfigureAwait(false);
        await using (handle.ConfigureAwait(false))
        {
            await handle.WriteAsync(content, 0, cancellation).ConfigureAwait(false);
            if (flush)
            {
                await handle.FlushAsync(cancellation).ConfigureAwait(false);
            }
        }
    }
}
