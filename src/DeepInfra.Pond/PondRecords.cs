// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs;
using DeepInfra.Fs.Datasets;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond;

/// <summary>Opens outputs of <see cref="PondFrame.WriteRecordsAsync"/> for random access.</summary>
public static class PondRecords
{
    private const int IndexPiece = 1 << 16;

    /// <summary>
    /// Opens the records of an output directory; their numbers follow the partitions and, in a partition, the row
    /// order.
    /// </summary>
    /// <param name="fileSystem">File system that holds the directory.</param>
    /// <param name="directory">Path of the directory in the file system.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>The records. The caller disposes it.</returns>
    /// <exception cref="DirectoryNotFoundException">The directory is not a written output.</exception>
    /// <exception cref="PondCorruptFileException">The manifest or an index is damaged.</exception>
    public static async ValueTask<RandomAccessDataset> OpenAsync(
        IFileSystem fileSystem,
        string directory,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentNullException.ThrowIfNull(directory);
        var path = new PondPath(fileSystem, FileSystemPath.Normalize(directory), directory, null);
        var manifest =
            await OutputFiles.TryReadAsync(path, cancellationToken).ConfigureAwait(false)
            ?? throw new DirectoryNotFoundException(
                $"{directory} has no {OutputFiles.ManifestName}, so it is not a finished output."
            );
        var files = manifest.Files.ConvertAll(f => path.Combine(f.Name).Path);
        if (manifest.RecordBytes is { } bytes)
        {
            return await RandomAccessDataset
                .OpenFixedAsync(fileSystem, files, bytes, cancellationToken)
                .ConfigureAwait(false);
        }

        var index = new List<DatasetRecord>();
        foreach (var file in files)
        {
            await ReadIndexAsync(fileSystem, file, index, cancellationToken).ConfigureAwait(false);
        }

        return await RandomAccessDataset
            .OpenAsync(fileSystem, index, cancellationToken)
            .ConfigureAwait(false);
    }

    private static async ValueTask ReadIndexAsync(
        IFileSystem fileSystem,
        string file,
        List<DatasetRecord> index,
        CancellationToken cancellationToken
    )
    {
        var handle = await fileSystem.OpenReadAsync(file, cancellationToken).ConfigureAwait(false);
        await using (handle.ConfigureAwait(false))
        {
            var length = await handle.GetLengthAsync(cancellationToken).ConfigureAwait(false);
            var end = new byte[16];
            if (
                length < 24
                || await handle.ReadAsync(end, length - 16, cancellationToken).ConfigureAwait(false)
                    != 16
                || BinaryPrimitives.ReadUInt64LittleEndian(end.AsSpan(8)) != RecordWork.Mark
            )
            {
                throw Corrupt(file);
            }

            var count = BinaryPrimitives.ReadInt64LittleEndian(end);
            if (count < 0 || count > (length - 24) / 8)
            {
                throw Corrupt(file);
            }

            if (count > Array.MaxLength - index.Count)
            {
                throw new NotSupportedException(
                    $"{file}: an index in memory holds at most {Array.MaxLength} records of varying length; open fewer files, or write records of one length."
                );
            }

            var start = length - 16 - ((count + 1) * 8);
            var offsets = new byte[IndexPiece * 8];
            var previous = 0L;
            // The first offset is 0.
            for (var done = 0L; done < count; )
            {
                var part = offsets.AsMemory(0, (int)Math.Min(IndexPiece, count - done) * 8);
                if (
                    await handle
                        .ReadAsync(part, start + ((done + 1) * 8), cancellationToken)
                        .ConfigureAwait(false) != part.Length
                )
                {
                    throw Corrupt(file);
                }

                for (var i = 0; i < part.Length; i += 8)
                {
                    var next = BinaryPrimitives.ReadInt64LittleEndian(part.Span[i..]);
                    if (next < previous || next > start || next - previous > int.MaxValue)
                    {
                        throw Corrupt(file);
                    }

                    index.Add(new DatasetRecord(file, previous, (int)(next - previous)));
                    previous = next;
                }

                done += part.Length / 8;
            }
        }
    }

    private static PondCorruptFileException Corrupt(string file) =>
        new($"{file} has no valid record index.") { File = file };
}
