// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Checkpoints;

/// <summary>
/// Saves and loads sets of tensors. The data goes to several files in parallel; the manifest is written last and
/// renamed into place, so a checkpoint is complete or does not exist. Every tensor starts at a multiple of 4096 bytes
/// and carries a checksum. Thread-safe for different names.
/// </summary>
public sealed class CheckpointStore
{
    private const string ManifestName = "manifest.json";
    private const int Alignment = 4096;
    private const int PieceBytes = 4 << 20;

    private readonly IFileSystem _fileSystem;
    private readonly string _root;

    /// <summary>Takes a directory, which is created when the first checkpoint is saved.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="root">The directory.</param>
    public CheckpointStore(IFileSystem fileSystem, string root)
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        _fileSystem = fileSystem;
        _root = FileSystemPath.Normalize(root);
    }

    /// <summary>Saves a checkpoint.</summary>
    /// <param name="name">Its name: one path part. A complete checkpoint of that name is an error.</param>
    /// <param name="shards">The tensors.</param>
    /// <param name="degree">Number of data files, which are written in parallel.</param>
    /// <param name="metadata">Anything to keep with it, such as the step or the state of the data loader.</param>
    /// <param name="cancellationToken">Gives the operation up; what was written is overwritten by the next attempt.</param>
    /// <exception cref="IOException">A checkpoint of that name exists.</exception>
    public async ValueTask SaveAsync(
        string name,
        IEnumerable<TensorShard> shards,
        int degree = 4,
        IReadOnlyDictionary<string, string>? metadata = null,
        CancellationToken cancellationToken = default
    )
    {
        var folder = FolderOf(name);
        ArgumentNullException.ThrowIfNull(shards);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degree);
        if (
            await _fileSystem
                .ExistsAsync($"{folder}/{ManifestName}", cancellationToken)
                .ConfigureAwait(false)
        )
        {
            throw new IOException($"checkpoint '{name}' exists already");
        }

        var files = Place([.. shards], degree);
        await _fileSystem.CreateDirectoryAsync(folder, cancellationToken).ConfigureAwait(false);
        var saved = await Task.WhenAll(
                files.Select((file, i) => SaveFileAsync(folder, i, file, cancellationToken))
            )
            .ConfigureAwait(false);
        var manifest = new CheckpointManifest(
            CheckpointManifest.CurrentVersion,
            DateTimeOffset.UtcNow,
            new Dictionary<string, string>(metadata ?? new Dictionary<string, string>()),
            [.. saved.SelectMany(t => t)]
        );
        var json = JsonSerializer.SerializeToUtf8Bytes(
            manifest,
            CheckpointJson.Default.CheckpointManifest
        );
        await _fileSystem
            .WriteAllBytesAsync($"{folder}/{ManifestName}", json, cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>Describes a checkpoint; null when there is no complete one of that name.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="InvalidDataException">The manifest is damaged or of a newer version.</exception>
    public async ValueTask<CheckpointInfo?> TryGetInfoAsync(
        string name,
        CancellationToken cancellationToken = default
    )
    {
        var bytes = await _fileSystem
            .TryReadAllBytesAsync($"{FolderOf(name)}/{ManifestName}", cancellationToken)
            .ConfigureAwait(false);
        if (bytes is null)
        {
            return null;
        }

        CheckpointManifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(bytes, CheckpointJson.Default.CheckpointManifest);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"the manifest of checkpoint '{name}' is damaged", e);
        }

        if (manifest is not { Version: CheckpointManifest.CurrentVersion, Tensors: not null })
        {
            throw new InvalidDataException(
                $"checkpoint '{name}' has manifest version {manifest?.Version}, expected {CheckpointManifest.CurrentVersion}"
            );
        }

        return new CheckpointInfo(
            name,
            manifest.Saved,
            manifest.Tensors.Sum(t => t.Length),
            manifest.Metadata ?? [],
            manifest.Tensors
        );
    }

    /// <summary>Loads tensors of a checkpoint.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="select">
    /// Called for each tensor; returns the memory that receives its bytes, of exactly that length, or empty memory
    /// (also a null array) to skip it.
    /// </param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is no complete checkpoint of that name.</exception>
    /// <exception cref="InvalidDataException">A tensor is damaged.</exception>
    public async ValueTask<CheckpointInfo> LoadAsync(
        string name,
        Func<CheckpointTensor, Memory<byte>> select,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(select);
        var info =
            await TryGetInfoAsync(name, cancellationToken).ConfigureAwait(false)
            ?? throw new FileNotFoundException($"there is no complete checkpoint '{name}'");
        var wanted = new List<(CheckpointTensor Tensor, Memory<byte> Memory)>();
        foreach (var tensor in info.Tensors)
        {
            var memory = select(tensor);
            if (memory.IsEmpty)
            {
                continue;
            }

            if (memory.Length != tensor.Length)
            {
                throw new ArgumentException(
                    $"select: tensor '{tensor.Name}' needs {tensor.Length} bytes, got {memory.Length}",
                    nameof(select)
                );
            }

            wanted.Add((tensor, memory));
        }

        var folder = FolderOf(name);
        await Task.WhenAll(
                wanted
                    .GroupBy(w => w.Tensor.File)
                    .Select(g => LoadFileAsync(DataFile(folder, g.Key), [.. g], cancellationToken))
            )
            .ConfigureAwait(false);
        return info;
    }

    /// <summary>The complete checkpoints in the order in which they were saved.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<IReadOnlyList<CheckpointInfo>> ListAsync(
        CancellationToken cancellationToken = default
    )
    {
        var found = new List<CheckpointInfo>();
        foreach (var name in await FoldersAsync(cancellationToken).ConfigureAwait(false))
        {
            if (await TryGetInfoAsync(name, cancellationToken).ConfigureAwait(false) is { } info)
            {
                found.Add(info);
            }
        }

        return [.. found.OrderBy(c => c.Saved)];
    }

    /// <summary>
    /// Deletes all checkpoints but the newest, and attempts that were never completed: also one that is being saved at
    /// the same time, so call it before or after saving.
    /// </summary>
    /// <param name="keep">Number of complete checkpoints to keep.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>Number of complete checkpoints deleted.</returns>
    public async ValueTask<int> PruneAsync(int keep, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keep);
        var complete = await ListAsync(cancellationToken).ConfigureAwait(false);
        var kept = complete.TakeLast(keep).Select(c => c.Name).ToHashSet();
        foreach (var name in await FoldersAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!kept.Contains(name))
            {
                // The manifest first: what is left when this is interrupted is not complete any more.
                await _fileSystem
                    .DeleteAsync(
                        $"{FolderOf(name)}/{ManifestName}",
                        cancellationToken: cancellationToken
                    )
                    .ConfigureAwait(false);
                await _fileSystem
                    .DeleteAsync(FolderOf(name), recursive: true, cancellationToken)
                    .ConfigureAwait(false);
            }
        }

        return complete.Count - kept.Count;
    }

    private static string DataFile(string folder, int file) => $"{folder}/data-{file:D3}.bin";

    /// <summary>Distributes the tensors: the largest first, each to the file with the least so far.</summary>
    private static List<TensorShard>[] Place(List<TensorShard> shards, int degree)
    {
        var names = new HashSet<string>();
        foreach (var shard in shards)
        {
            if (!names.Add(shard.Name))
            {
                throw new ArgumentException($"shards: '{shard.Name}' occurs twice");
            }
        }

        var files = Enumerable.Range(0, degree).Select(_ => new List<TensorShard>()).ToArray();
        var sizes = new long[degree];
        foreach (var shard in shards.OrderByDescending(s => s.Data.Length))
        {
            var smallest = Array.IndexOf(sizes, sizes.Min());
            files[smallest].Add(shard);
            sizes[smallest] += shard.Data.Length;
        }

        return files;
    }

    private async Task<List<CheckpointTensor>> SaveFileAsync(
        string folder,
        int number,
        List<TensorShard> shards,
        CancellationToken cancellationToken
    )
    {
        var tensors = new List<CheckpointTensor>(shards.Count);
        if (shards.Count == 0)
        {
            return tensors;
        }

        var file = await _fileSystem
            .CreateAsync(DataFile(folder, number), overwrite: true, cancellationToken)
            .ConfigureAwait(false);
        await using (file.ConfigureAwait(false))
        {
            long offset = 0;
            foreach (var shard in shards)
            {
                var register = uint.MaxValue;
                for (var start = 0; start < shard.Data.Length; start += PieceBytes)
                {
                    var piece = shard.Data.Slice(
                        start,
                        Math.Min(PieceBytes, shard.Data.Length - start)
                    );
                    register = Crc32C.Append(register, piece.Span);
                    await file.WriteAsync(piece, offset + start, cancellationToken)
                        .ConfigureAwait(false);
                }

                tensors.Add(
                    new CheckpointTensor(
                        shard.Name,
                        shard.ElementType,
                        shard.Shape,
                        number,
                        offset,
                        shard.Data.Length,
                        ~register
                    )
                );
                offset += (shard.Data.Length + Alignment - 1) / Alignment * Alignment;
            }

            await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        return tensors;
    }

    private async Task LoadFileAsync(
        string path,
        List<(CheckpointTensor Tensor, Memory<byte> Memory)> wanted,
        CancellationToken cancellationToken
    )
    {
        var file = await _fileSystem.OpenReadAsync(path, cancellationToken).ConfigureAwait(false);
        await using (file.ConfigureAwait(false))
        {
            foreach (var (tensor, memory) in wanted)
            {
                var count = await file.ReadAsync(memory, tensor.Offset, cancellationToken)
                    .ConfigureAwait(false);
                if (
                    count != memory.Length
                    || ~Crc32C.Append(uint.MaxValue, memory.Span) != tensor.Crc32C
                )
                {
                    throw new InvalidDataException(
                        $"tensor '{tensor.Name}' in '{path}' is damaged: {count} of {memory.Length} bytes at {tensor.Offset} do not have CRC-32C 0x{tensor.Crc32C:x8}"
                    );
                }
            }
        }
    }

    private async ValueTask<List<string>> FoldersAsync(CancellationToken cancellationToken)
    {
        var names = new List<string>();
        if (!await _fileSystem.ExistsAsync(_root, cancellationToken).ConfigureAwait(false))
        {
            return names;
        }

        await foreach (
            var entry in _fileSystem
                .ListAsync(_root, cancellationToken: cancellationToken)
                .ConfigureAwait(false)
        )
        {
            if (entry.IsDirectory)
            {
                names.Add(entry.Name);
            }
        }

        return names;
    }

    private string FolderOf(string name)
    {
        var canonical = FileSystemPath.Normalize(name);
        return canonical.Length > 0 && !canonical.Contains('/', StringComparison.Ordinal)
            ? FileSystemPath.Combine(_root, canonical)
            : throw new ArgumentException(
                $"name: expected one path part, got '{name}'",
                nameof(name)
            );
    }
}
