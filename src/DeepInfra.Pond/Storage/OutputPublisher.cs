// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using DeepInfra.Fs;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Interop;

namespace DeepInfra.Pond.Storage;

/// <summary>
/// Puts finished files into an output directory. The files are gathered, with their manifest, in a hidden
/// sibling of the target, which then becomes the target by one rename: nobody sees a part of an output.
/// </summary>
internal sealed partial class OutputPublisher(
    JobRuntime job,
    PondPath target,
    WriteMode mode,
    string key
)
{
    private const string OwnerName = ".owner.json";

    /// <summary>Marks what an overwrite has moved aside; it has to go once a new output is in place.</summary>
    private const string OldMark = "old-";
    private const int Parallelism = 4;

    private IFileSystem Files => target.FileSystem;

    private string Prefix => $".{target.Name}.pond-";

    private PondPath Staging => Sibling(job.Directory.JobId);

    private bool Durable => job.Options.Durability != Durability.None;

    /// <summary>
    /// Checks the target before any work. Returns the manifest, and its entry for this output, when this very
    /// output of this job has been published before.
    /// </summary>
    public async Task<(OutputManifest Manifest, OutputCommit Commit)?> PrepareAsync(
        CancellationToken cancellation
    )
    {
        try
        {
            return await CheckTargetAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failed(e);
        }
    }

    private async Task<(OutputManifest Manifest, OutputCommit Commit)?> CheckTargetAsync(
        CancellationToken cancellation
    )
    {
        for (var above = target; above.Parent.Path != above.Path; above = above.Parent)
        {
            var parent = await Files
                .TryStatAsync(above.Parent.Path, cancellation)
                .ConfigureAwait(false);
            if (parent is { IsDirectory: false })
            {
                throw Refuse($"lies below {above.Parent.Display}, which is a file");
            }

            if (parent is not null)
            {
                break;
            }
        }

        var entry = await Files.TryStatAsync(target.Path, cancellation).ConfigureAwait(false);
        if (entry is null)
        {
            return null;
        }

        if (!entry.IsDirectory)
        {
            throw Refuse("is a file; expected a directory");
        }

        var manifest = await OutputFiles.TryReadAsync(target, cancellation).ConfigureAwait(false);
        if (
            manifest?.Commits.LastOrDefault(c => c.Job == job.Directory.JobId && c.Key == key)
                is { } commit
            && await OutputFiles.AreWholeAsync(target, manifest, cancellation).ConfigureAwait(false)
        )
        {
            // The run that published it may have died before it had cleaned up.
            await RemoveSiblingsAsync((id, _) => new ValueTask<bool>(IsOwn(id)), cancellation)
                .ConfigureAwait(false);
            return (manifest, commit);
        }

        var empty = await IsEmptyAsync(cancellation).ConfigureAwait(false);
        if (mode == WriteMode.Error && !empty)
        {
            throw Refuse("exists and is not empty; choose WriteMode.Overwrite or WriteMode.Append");
        }

        if (mode == WriteMode.Append && manifest is null && !empty)
        {
            throw Refuse(
                $"has no {OutputFiles.ManifestName}; only an output of Pond can be appended to"
            );
        }

        return null;
    }

    public async Task<OutputManifest> PublishAsync(
        IReadOnlyList<IReadOnlyList<DataFile>> partitions,
        OutputFormat format,
        PondSchema? schema,
        List<TaskMeasurement> measured,
        CancellationToken cancellation
    )
    {
        var staging = Staging;
        try
        {
            await RemoveLeftoversAsync(cancellation).ConfigureAwait(false);
            await Files.CreateDirectoryAsync(staging.Path, cancellation).ConfigureAwait(false);
            await OutputFiles
                .WriteBytesAsync(
                    staging.Combine(OwnerName),
                    JsonSerializer.SerializeToUtf8Bytes(
                        DirectoryTools.CurrentOwner(job.Directory.JobId),
                        PondJson.Default.OwnerRecord
                    ),
                    false,
                    cancellation
                )
                .ConfigureAwait(false);
            Reach(FaultPoint.AfterStage);
            var files = Name(partitions, format.Extension);
            await Parallel
                .ForEachAsync(
                    files,
                    new ParallelOptions
                    {
                        MaxDegreeOfParallelism = Parallelism,
                        CancellationToken = cancellation,
                    },
                    async (file, token) =>
                    {
                        await PlaceAsync(
                                file.Source,
                                staging.Combine(file.Entry.Name),
                                file.Entry,
                                token
                            )
                            .ConfigureAwait(false);
                        Reach(FaultPoint.AfterPlace);
                    }
                )
                .ConfigureAwait(false);
            var manifest = new OutputManifest
            {
                Commits =
                [
                    new OutputCommit
                    {
                        Job = job.Directory.JobId,
                        Key = key,
                        CommittedUtc = job.Now,
                        Measured = measured,
                    },
                ],
                Schema =
                    schema
                        ?.Select(c => new ManifestColumn { Name = c.Name, Type = c.SqlType })
                        .ToList()
                    ?? [],
                Files = files.ConvertAll(f => f.Entry),
                RecordBytes = (format as RecordOutput)?.RecordBytes,
            };
            Total(manifest);
            Reach(FaultPoint.BeforePublish);
            manifest = await SwapAsync(staging, manifest, cancellation).ConfigureAwait(false);
            Reach(FaultPoint.AfterPublish);
            return manifest;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failed(e);
        }
        finally
        {
            await Files
                .DeleteAsync(staging.Path, recursive: true, CancellationToken.None)
                .ConfigureAwait(false);
        }
    }

    private async Task<OutputManifest> SwapAsync(
        PondPath staging,
        OutputManifest manifest,
        CancellationToken cancellation
    )
    {
        var exists = await Files.ExistsAsync(target.Path, cancellation).ConfigureAwait(false);
        if (exists && mode == WriteMode.Append)
        {
            var old = await OutputFiles.TryReadAsync(target, cancellation).ConfigureAwait(false);
            if (old is not null)
            {
                return await AppendAsync(staging, old, manifest, cancellation)
                    .ConfigureAwait(false);
            }
        }

        await WriteManifestAsync(staging.Combine(OutputFiles.ManifestName), manifest, cancellation)
            .ConfigureAwait(false);
        await Files
            .DeleteAsync(staging.Combine(OwnerName).Path, cancellationToken: cancellation)
            .ConfigureAwait(false);
        Reach(FaultPoint.AfterManifest);
        PondPath? aside = null;
        if (exists && mode == WriteMode.Overwrite)
        {
            aside = Sibling(OldMark + job.Directory.JobId);
            await Files.DeleteAsync(aside.Path, true, cancellation).ConfigureAwait(false);
            await Files.RenameAsync(target.Path, aside.Path, cancellation).ConfigureAwait(false);
        }
        else if (exists)
        {
            if (!await IsEmptyAsync(cancellation).ConfigureAwait(false))
            {
                throw Refuse("has been written by someone else in the meantime");
            }

            await Files.DeleteAsync(target.Path, false, cancellation).ConfigureAwait(false);
        }

        // A cancellation must not stop between the two renames.
        try
        {
            if (aside is not null)
            {
                Reach(FaultPoint.AfterAside);
            }

            await Files
                .RenameAsync(staging.Path, target.Path, CancellationToken.None)
                .ConfigureAwait(false);
        }
        catch when (aside is not null)
        {
            await PutBackAsync(aside).ConfigureAwait(false);
            throw;
        }

        FlushParent();
        Reach(FaultPoint.AfterSwap);
        await RemoveSiblingsAsync(
                (id, _) => new ValueTask<bool>(id.StartsWith(OldMark, StringComparison.Ordinal)),
                CancellationToken.None
            )
            .ConfigureAwait(false);
        return manifest;
    }

    private async Task<OutputManifest> AppendAsync(
        PondPath staging,
        OutputManifest old,
        OutputManifest added,
        CancellationToken cancellation
    )
    {
        if (
            old.Schema.Count > 0
            && !old
                .Schema.Select(c => (c.Name, c.Type))
                .SequenceEqual(added.Schema.Select(c => (c.Name, c.Type)))
        )
        {
            throw new PondSchemaException(
                $"{target.Display}: appended columns [{string.Join(", ", added.Schema.Select(c => $"{c.Name} {c.Type}"))}] differ from [{string.Join(", ", old.Schema.Select(c => $"{c.Name} {c.Type}"))}]."
            );
        }

        foreach (var file in added.Files)
        {
            // Names contain the key: a repeated run replaces what an interrupted one has left.
            await Files
                .RenameAsync(
                    staging.Combine(file.Name).Path,
                    target.Combine(file.Name).Path,
                    cancellation
                )
                .ConfigureAwait(false);
            Reach(FaultPoint.AfterAppend);
        }

        old.Files =
        [
            .. old.Files.Where(f => added.Files.All(a => a.Name != f.Name)),
            .. added.Files,
        ];
        old.Commits.AddRange(added.Commits);
        Total(old);
        var temporary = staging.Combine(OutputFiles.ManifestName);
        await WriteManifestAsync(temporary, old, cancellation).ConfigureAwait(false);
        Reach(FaultPoint.AfterManifest);
        await Files
            .RenameAsync(
                temporary.Path,
                target.Combine(OutputFiles.ManifestName).Path,
                CancellationToken.None
            )
            .ConfigureAwait(false);
        Reach(FaultPoint.AfterSwap);
        return old;
    }

    private List<(DataFile Source, ManifestFile Entry)> Name(
        IReadOnlyList<IReadOnlyList<DataFile>> partitions,
        string extension
    )
    {
        var all = partitions
            .SelectMany((files, p) => files.Select((file, s) => (p, s, file)))
            .ToArray();
        var kept = job.Options.KeepEmptyFiles ? all : all.Where(f => f.file.Rows != 0).ToArray();
        if (kept.Length == 0)
        {
            // One file without rows keeps the columns.
            kept = all.Take(1).ToArray();
        }

        var unique = mode == WriteMode.Append ? key[..8] + "-" : "";
        return kept.Select(f =>
                (
                    f.file,
                    new ManifestFile
                    {
                        Name =
                            $"part-{unique}{f.p.ToString("D5", CultureInfo.InvariantCulture)}-"
                            + f.s.ToString("D3", CultureInfo.InvariantCulture)
                            + extension,
                        Slot = f.p,
                        Rows = f.file.Rows,
                        Bytes = f.file.Bytes,
                        Xxh3128 = f.file.Checksum,
                    }
                )
            )
            .ToList();
    }

    private async Task PlaceAsync(
        DataFile source,
        PondPath path,
        ManifestFile entry,
        CancellationToken cancellation
    )
    {
        if (job.Options.VerifyInputs == InputVerification.Checksum && entry.Xxh3128 is null)
        {
            entry.Xxh3128 = TaskStore.Checksum(source.Path);
        }

        if (path.Local is { } local && FileLinks.TryCreate(source.Path, local))
        {
            return;
        }

        var input = new FileStream(source.Path, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        await using (input.ConfigureAwait(false))
        {
            var handle = await Files
                .CreateAsync(path.Path, overwrite: true, cancellation)
                .ConfigureAwait(false);
            await using (handle.ConfigureAwait(false))
            {
                var stream = handle.AsStream(leaveOpen: true);
                await using (stream.ConfigureAwait(false))
                {
                    await input.CopyToAsync(stream, 4 << 20, cancellation).ConfigureAwait(false);
                }

                if (Durable)
                {
                    await handle.FlushAsync(cancellation).ConfigureAwait(false);
                }
            }
        }

        if (path.Local is null)
        {
            PondMetrics.StagedBytes.Add(
                entry.Bytes,
                new KeyValuePair<string, object?>("direction", "out")
            );
        }
    }

    private async Task<bool> IsEmptyAsync(CancellationToken cancellation)
    {
        await foreach (
            var _ in Files.ListAsync(target.Path, false, cancellation).ConfigureAwait(false)
        )
        {
            return false;
        }

        return true;
    }

    private Task WriteManifestAsync(
        PondPath path,
        OutputManifest manifest,
        CancellationToken cancellation
    ) =>
        OutputFiles.WriteBytesAsync(
            path,
            JsonSerializer.SerializeToUtf8Bytes(manifest, PondJson.Default.OutputManifest),
            Durable,
            cancellation
        );

    private void Reach(FaultPoint point) => job.Options.FaultHook?.Invoke(point, target.Display);

    private void FlushParent()
    {
        if (job.Options.Durability == Durability.Full && target.Parent.Local is { } parent)
        {
            LocalFileSystem.FlushDirectory(parent);
        }
    }

    private PondPath Sibling(string id) => target.Parent.Combine(Prefix + id);

    private PondStorageException Failed(Exception error) =>
        new($"Writing {target.Display} failed: {error.Message}", error)
        {
            Path = target.Display,
            JobId = job.Directory.JobId,
        };

    private PondStorageException Refuse(string reason) =>
        new($"{target.Display} {reason}.")
        {
            Path = target.Display,
            JobId = job.Directory.JobId,
            Transient = false,
        };

    private static void Total(OutputManifest manifest)
    {
        manifest.Rows = manifest.Files.Sum(f => f.Rows);
        manifest.Bytes = manifest.Files.Sum(f => f.Bytes);
    }
}
