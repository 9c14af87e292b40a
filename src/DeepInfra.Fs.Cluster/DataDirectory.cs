// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using DeepInfra.Fs.Cluster.Interop;

namespace DeepInfra.Fs.Cluster;

/// <summary>
/// The directory of one cluster: locked for one owner, and marked with the shape of the cluster so that a
/// start with other settings fails instead of losing data.
/// </summary>
internal sealed class DataDirectory : IDisposable
{
    private const string OwnerFile = "owner.pid";

    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream lockFile)
    {
        Root = path;
        _lock = lockFile;
    }

    /// <summary>Absolute path.</summary>
    public string Root { get; }

    /// <summary>Directory of the metadata store.</summary>
    public string MetaStore => Path.Combine(Root, "meta");

    /// <summary>Directory of a storage node.</summary>
    public string StorageNode(uint nodeId) =>
        Path.Combine(Root, "storage", nodeId.ToString(CultureInfo.InvariantCulture));

    /// <summary>Creates the directory if needed and takes its lock.</summary>
    /// <exception cref="DataDirectoryInUseException">Somebody else holds the lock.</exception>
    /// <exception cref="ClusterStorageException">The directory cannot be used.</exception>
    public static DataDirectory Open(string path, ClusterShape shape)
    {
        var root = Path.GetFullPath(path);
        FileStream? lockFile = null;
        try
        {
            DurableDirectory.Create(root);
            lockFile = Lock(root);
            CheckShape(root, shape);
            return new DataDirectory(root, lockFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            lockFile?.Dispose();
            throw new ClusterStorageException(
                $"cannot use data directory '{root}': {e.Message}",
                e
            );
        }
        catch
        {
            lockFile?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            File.Delete(Path.Combine(Root, OwnerFile));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It only tells who held the lock; the lock itself must be free.
        }
        _lock.Dispose();
    }

    private static FileStream Lock(string root)
    {
        var path = Path.Combine(root, "LOCK");
        var ownerPath = Path.Combine(root, OwnerFile);
        FileStream stream;
        try
        {
            // An exclusive open is an advisory lock of the kernel: it goes away with the process, however it dies.
            stream = new FileStream(
                path,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None
            );
        }
        catch (IOException e)
            when (e is not DirectoryNotFoundException and not PathTooLongException)
        {
            var owner = File.Exists(ownerPath) ? File.ReadAllText(ownerPath) : "unknown";
            throw new DataDirectoryInUseException(
                $"data directory '{root}' is in use by process {owner}; stop that cluster first or use another directory",
                e
            );
        }
        try
        {
            File.WriteAllText(
                ownerPath,
                Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            );
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The shape is on the disk before anything else is made: without it what follows would be taken for
    /// somebody else's data.
    /// </summary>
    private static void WriteShape(string root, string path, ClusterShape shape)
    {
        var temporary = path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, shape, ClusterShapeContext.Default.ClusterShape);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path);
        DurableDirectory.Flush(root);
    }

    private static ClusterShape ReadShape(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(
                    File.ReadAllText(path),
                    ClusterShapeContext.Default.ClusterShape
                ) ?? throw new JsonException("the file holds null");
        }
        catch (JsonException e)
        {
            throw new ClusterStorageException($"'{path}' is damaged: {e.Message}", e);
        }
    }

    private static void CheckShape(string root, ClusterShape shape)
    {
        var path = Path.Combine(root, "cluster.json");
        if (!File.Exists(path))
        {
            if (Directory.EnumerateDirectories(root).Any())
            {
                throw new ClusterStorageException(
                    $"'{root}' holds other data: the directory of a new cluster must be empty"
                );
            }
            WriteShape(root, path, shape);
            return;
        }
        var stored = ReadShape(path);
        if (stored != shape)
        {
            throw new ClusterStorageException(
                $"'{root}' was created as {stored}; it cannot be opened as {shape}"
            );
        }
    }
}

/// <summary>What of the options cannot change once a cluster exists.</summary>
internal sealed record ClusterShape(
    int Format,
    string ClusterId,
    int StorageNodeCount,
    int TargetsPerNode,
    int ReplicaCount
);

[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(ClusterShape))]
internal sealed partial class ClusterShapeContext : JsonSerializerContext;
