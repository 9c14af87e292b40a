// SPDX-License-Identifier: MIT
using System.IO.Hashing;
using System.Text.Json;
using DeepInfra.Fs;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Pond.Storage;

/// <summary>
/// Committed task results on the local file system. A result is a directory <c>store/&lt;key&gt;</c> that
/// appears by one rename of the attempt's directory: a rename onto a directory that is not empty fails, so
/// exactly one attempt of a key wins, and nobody ever sees part of a result.
/// </summary>
internal sealed class TaskStore(string directory, PondOptions options)
{
    private const string ManifestName = "manifest.json";

    public string PathOf(string key) => Path.Combine(directory, key);

    /// <summary>The committed result of a key, or null. Results with missing or short files are removed.</summary>
    public TaskOutput? TryLoad(PondTask task)
    {
        var path = PathOf(task.Key);
        // In this order: what another session commits in between has its manifest.
        if (!Directory.Exists(path))
        {
            return null;
        }

        var manifestPath = Path.Combine(path, ManifestName);
        try
        {
            var manifest = Read(manifestPath);
            if (manifest is { V: 1 } && manifest.Key == task.Key && FilesAreWhole(path, manifest))
            {
                return ToOutput(path, manifest);
            }
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            // A result that cannot be read is not a result.
        }

        DirectoryTools.TryDelete(path);
        return null;
    }

    /// <summary>Publishes an attempt. Returns false when another attempt has won.</summary>
    public bool Commit(
        PondTask task,
        string outputDirectory,
        TaskOutput output,
        DateTimeOffset now,
        out TaskOutput committed
    )
    {
        var manifest = new TaskManifest
        {
            Key = task.Key,
            Node = task.Node.Describe(),
            Partition = task.Partition,
            Engine = DuckInstance.Version,
            CommittedUtc = now,
            Slots = output.Slots.Count,
            Schema = output
                .Slots.Select(s => s.Schema)
                .FirstOrDefault(s => s is not null)
                ?.Select(c => new ManifestColumn { Name = c.Name, Type = c.SqlType })
                .ToList(),
            Payload = output.Payload,
            Observations = new Dictionary<string, double>(output.Observations),
        };
        for (var slot = 0; slot < output.Slots.Count; slot++)
        {
            foreach (var file in output.Slots[slot].Files)
            {
                manifest.Files.Add(
                    new ManifestFile
                    {
                        Name = Path.GetRelativePath(outputDirectory, file.Path),
                        Slot = slot,
                        Rows = file.Rows,
                        Bytes = file.Bytes,
                        Xxh3128 =
                            options.VerifyInputs == InputVerification.Checksum
                                ? Checksum(file.Path)
                                : null,
                    }
                );
                if (options.Durability != Durability.None)
                {
                    Flush(file.Path);
                }
            }
        }

        var manifestPath = Path.Combine(outputDirectory, ManifestName);
        File.WriteAllBytes(
            manifestPath,
            JsonSerializer.SerializeToUtf8Bytes(manifest, PondJson.Default.TaskManifest)
        );
        if (options.Durability != Durability.None)
        {
            Flush(manifestPath);
        }

        options.FaultHook?.Invoke(FaultPoint.AfterWrite, task.ToString());
        var target = PathOf(task.Key);
        try
        {
            Directory.Move(outputDirectory, target);
        }
        catch (IOException) when (Directory.Exists(target))
        {
            if (TryLoad(task) is { } winner)
            {
                committed = winner;
                return false;
            }

            // What was there was not a whole result and has been removed.
            Directory.Move(outputDirectory, target);
        }

        if (options.Durability == Durability.Full)
        {
            LocalFileSystem.FlushDirectory(directory);
        }

        committed = ToOutput(target, manifest);
        return true;
    }

    /// <summary>
    /// Takes a result out of the store by one rename, so that nobody finds half of it, to a directory that the
    /// caller deletes. False when it could not be moved. What the task measured stays, for a later run that finds
    /// results made from this one and skips the task.
    /// </summary>
    public bool TryTakeOut(PondTask task, string target)
    {
        var path = PathOf(task.Key);
        try
        {
            if (Directory.Exists(path))
            {
                if (task.Output is { Observations.Count: > 0 })
                {
                    KeepMeasured(task.Key);
                }

                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                Directory.Move(path, target);
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The manifest of a task whose files may be gone, or null.</summary>
    public TaskManifest? TryLoadMeasured(PondTask task)
    {
        // In this order: a result that is taken out in between has left its manifest.
        foreach (
            var path in (ReadOnlySpan<string>)
                [Path.Combine(PathOf(task.Key), ManifestName), MeasuredPath(task.Key)]
        )
        {
            try
            {
                if (
                    File.Exists(path)
                    && Read(path) is { V: 1 } manifest
                    && manifest.Key == task.Key
                )
                {
                    return manifest;
                }
            }
            catch (Exception e) when (e is JsonException or IOException)
            {
                // Then this run does not know.
            }
        }

        return null;
    }

    public static string Checksum(string path)
    {
        var hash = new XxHash128();
        using var stream = new FileStream(
            path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.Read,
            1 << 20,
            FileOptions.SequentialScan
        );
        hash.Append(stream);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    public static void Flush(string path)
    {
        using SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(handle);
    }

    private void KeepMeasured(string key)
    {
        var kept = MeasuredPath(key);
        Directory.CreateDirectory(Path.GetDirectoryName(kept)!);
        File.Delete(kept);
        var manifest = Path.Combine(PathOf(key), ManifestName);
        // Linked, it is as durable as the commit has made it.
        if (!Interop.FileLinks.TryCreate(manifest, kept))
        {
            File.Copy(manifest, kept);
            if (options.Durability != Durability.None)
            {
                Flush(kept);
            }
        }
    }

    private string MeasuredPath(string key) => Path.Combine(directory, ".measured", key + ".json");

    private static TaskManifest? Read(string path) =>
        JsonSerializer.Deserialize(File.ReadAllBytes(path), PondJson.Default.TaskManifest);

    private static bool FilesAreWhole(string path, TaskManifest manifest)
    {
        foreach (var file in manifest.Files)
        {
            var info = new FileInfo(Path.Combine(path, file.Name));
            if (!info.Exists || info.Length != file.Bytes)
            {
                return false;
            }
        }

        return true;
    }

    private static TaskOutput ToOutput(string path, TaskManifest manifest)
    {
        var schema = manifest.Schema is { Count: > 0 } columns
            ? new PondSchema(columns.Select(c => new PondColumn(c.Name, c.Type)))
            : null;
        var slots = new List<DataFile>[manifest.Slots];
        for (var i = 0; i < slots.Length; i++)
        {
            slots[i] = [];
        }

        foreach (var file in manifest.Files)
        {
            slots[file.Slot]
                .Add(
                    new DataFile(Path.Combine(path, file.Name), file.Rows, file.Bytes)
                    {
                        Checksum = file.Xxh3128,
                    }
                );
        }

        return new TaskOutput
        {
            Slots = slots.Select(f => new FileSet(FileFormat.StoredParquet, schema, f)).ToArray(),
            Payload = manifest.Payload,
            Observations = manifest.Observations,
            Directory = path,
        };
    }
}
