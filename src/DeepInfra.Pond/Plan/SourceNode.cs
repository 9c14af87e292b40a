// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond.Plan;

/// <summary>Files of the user. Resolved when an action first needs it.</summary>
internal sealed class SourceNode(
    PondSession session,
    FileFormat format,
    IReadOnlyList<string> patterns,
    SourceSettings settings
) : PlanNode(session, [])
{
    private const int MostLooks = 20;
    private static readonly TimeSpan s_nextLook = TimeSpan.FromMilliseconds(20);
    private FileSet? _files;

    public override string Kind => "source";

    public override int PartitionCount => 1;

    public FileFormat Format => format;

    public FileSet? Files => _files;

    public override string Describe() =>
        $"{format.Describe()} {string.Join(", ", patterns.Take(3))}";

    public async Task ResolveAsync(JobRuntime job, CancellationToken cancellation)
    {
        if (_files is not null)
        {
            return;
        }

        var files = new List<DataFile>();
        foreach (var pattern in patterns)
        {
            await AddAsync(job, pattern, files, cancellation).ConfigureAwait(false);
        }

        if (files.Count == 0 && settings.Schema is null)
        {
            throw new PondPlanException(
                $"{string.Join(", ", patterns)}: no file matches; an empty result needs a schema."
            );
        }

        // Of several actions at once, the first to finish decides for all.
        Interlocked.CompareExchange(ref _files, new FileSet(format, settings.Schema, files), null);
    }

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        var files =
            _files ?? throw new InvalidOperationException("The source has not been resolved.");
        if (files.Schema is not null)
        {
            return files.Schema;
        }

        // Parquet files of one frame share the columns of the first; JSON types are inferred from all.
        var few = format is ParquetFileFormat { UnionByName: false }
            ? files.Files.Take(1)
            : files.Files;
        var schema = resolver.WithDuck(duck =>
        {
            var leases = new List<string>();
            string Stage(FileSet set, DataFile file)
            {
                var path = Session.Runtime.Stager.LocalPath(
                    set,
                    file,
                    CancellationToken.None,
                    out var lease
                );
                if (lease is not null)
                {
                    leases.Add(lease);
                }

                return path;
            }

            try
            {
                var paths = few.Select(f =>
                {
                    var path = Stage(files, f);
                    if (format is ParquetFileFormat)
                    {
                        InputChecks.CheckMagic(path, new FileInfo(path).Length, f.Path);
                    }

                    return path;
                });
                return duck.Describe(format.Select(paths.ToArray()), CancellationToken.None);
            }
            catch (PondTaskException e)
            {
                if (
                    InputChecks.Blame(
                        Session.Runtime,
                        e,
                        few.Select(f => (files, f)),
                        Stage,
                        query => duck.Query(query, CancellationToken.None),
                        CancellationToken.None
                    ) is
                    { } named
                )
                {
                    throw named;
                }

                throw;
            }
            finally
            {
                leases.ForEach(Session.Runtime.Stager.Release);
            }
        });
        _files = new FileSet(
            format is JsonFileFormat json ? json with { Schema = schema } : format,
            schema,
            files.Files
        );
        return schema;
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        planner.Schemas.Of(this);
        var task = new PondTask(this, 0, new SourceWork(_files!), []);
        return [new TaskInput(new SlotRef(task, 0))];
    }

    private async Task AddAsync(
        JobRuntime job,
        string pattern,
        List<DataFile> files,
        CancellationToken cancellation
    )
    {
        var path = PondPath.Parse(pattern, job.Options.Mounts);
        var manifest = await OutputFiles.TryReadAsync(path, cancellation).ConfigureAwait(false);
        if (manifest is not null)
        {
            files.AddRange(
                await WrittenAsync(job, path, manifest, cancellation).ConfigureAwait(false)
            );
            return;
        }

        var found = await Glob.ResolveAsync(
                path,
                settings.Extensions,
                settings.Recursive,
                cancellation
            )
            .ConfigureAwait(false);
        if (found.Count == 0 && !settings.AllowMissing)
        {
            throw new PondPlanException($"{pattern}: no file matches.");
        }

        foreach (var (target, entry) in found)
        {
            files.Add(
                new DataFile(Register(job, target), DataFile.Unknown, entry.Length)
                {
                    Modified = entry.LastModified.UtcTicks,
                }
            );
        }
    }

    /// <summary>
    /// Files of a directory that Pond has written: exactly those of its manifest, whatever else is there.
    /// </summary>
    private static async Task<List<DataFile>> WrittenAsync(
        JobRuntime job,
        PondPath directory,
        OutputManifest manifest,
        CancellationToken cancellation
    )
    {
        for (var look = 1; ; look++)
        {
            var origin = Origin(manifest);
            var files = new List<DataFile>(manifest.Files.Count);
            foreach (var file in manifest.Files)
            {
                var target = directory.Combine(file.Name);
                // The time tells later whether another write has replaced the file by one of equal size.
                var entry =
                    job.Options.VerifyInputs == InputVerification.Never
                        ? null
                        : await target
                            .FileSystem.TryStatAsync(target.Path, cancellation)
                            .ConfigureAwait(false);
                files.Add(
                    new DataFile(Register(job, target), file.Rows, file.Bytes)
                    {
                        Modified = entry?.LastModified.UtcTicks ?? 0,
                        Origin = origin,
                        Checksum =
                            job.Options.VerifyInputs == InputVerification.Checksum
                                ? file.Xxh3128
                                : null,
                    }
                );
            }

            // A write in between would give the files of one manifest the times of the next.
            var now = await OutputFiles.TryReadAsync(directory, cancellation).ConfigureAwait(false);
            if (now is not null && Origin(now) == origin)
            {
                return files;
            }

            if (look == MostLooks)
            {
                throw new PondPlanException(
                    $"{directory.Display}: the output was replaced while its files were looked up."
                );
            }

            // An overwrite has no directory for the moment between its two renames.
            await Task.Delay(s_nextLook, cancellation).ConfigureAwait(false);
            manifest = now ?? manifest;
        }
    }

    private static string Origin(OutputManifest manifest) =>
        string.Join(
            ' ',
            manifest.Commits.Select(c =>
                FormattableString.Invariant($"{c.Job}/{c.Key}/{c.CommittedUtc.UtcTicks}")
            )
        );

    private static string Register(JobRuntime job, PondPath target)
    {
        if (target.Local is { } local)
        {
            return local;
        }

        job.Stager.Register(target.Display, target);
        return target.Display;
    }
}

/// <summary>How the files of a source are found.</summary>
internal sealed record SourceSettings(
    IReadOnlyList<string> Extensions,
    bool Recursive,
    bool AllowMissing,
    PondSchema? Schema
);
