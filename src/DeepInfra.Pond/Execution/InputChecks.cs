// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond.Execution;

/// <summary>Checks input files before a query sees them, because DuckDB's messages do not always name them.</summary>
internal static class InputChecks
{
    public static void Verify(TaskContext context)
    {
        var mode = context.Job.Options.VerifyInputs;
        if (mode == InputVerification.Never)
        {
            return;
        }

        foreach (var (set, file) in Files(context))
        {
            if (file.Memory is not null || context.Job.Stager.IsRemote(file.Path))
            {
                // Nothing to compare, or compared when the file is staged.
                continue;
            }

            var info = Compare(file);
            if (set.Format is ParquetFileFormat)
            {
                CheckMagic(file.Path, info.Length, file.Path);
            }

            if (
                mode == InputVerification.Checksum
                && file.Checksum is { } expected
                && TaskStore.Checksum(file.Path) != expected
            )
            {
                throw new PondCorruptFileException(
                    $"Input file {file.Path}: the checksum differs from the one stored when it was written."
                )
                {
                    File = file.Path,
                };
            }
        }
    }

    /// <summary>
    /// Whether source files are still those of the plan. Asked again after they were read, because somebody may
    /// have replaced them in between.
    /// </summary>
    public static void VerifyUnchanged(JobRuntime job, IEnumerable<FileSet> sets)
    {
        if (job.Options.VerifyInputs == InputVerification.Never)
        {
            return;
        }

        foreach (var file in sets.SelectMany(s => s.Files))
        {
            if (file.Modified != 0 && !job.Stager.IsRemote(file.Path))
            {
                Compare(file);
            }
        }
    }

    private static FileInfo Compare(DataFile file)
    {
        var info = new FileInfo(file.Path);
        if (!info.Exists)
        {
            throw new PondCorruptFileException($"Input file {file.Path} is missing.")
            {
                File = file.Path,
            };
        }

        if (
            (file.IsWhole && info.Length != file.Bytes)
            || (file.Modified != 0 && info.LastWriteTimeUtc.Ticks != file.Modified)
        )
        {
            throw new PondCorruptFileException(
                FormattableString.Invariant(
                    $"Input file {file.Path} changed since planning: expected {file.Bytes} bytes of {Time(file.Modified)}, found {info.Length} of {Time(info.LastWriteTimeUtc.Ticks)}."
                )
            )
            {
                File = file.Path,
            };
        }

        return info;
    }

    private static string Time(long ticks) =>
        ticks == 0
            ? "any time"
            : new DateTime(ticks, DateTimeKind.Utc).ToString("O", CultureInfo.InvariantCulture);

    /// <summary>A Parquet file starts and ends with the same four bytes.</summary>
    public static void CheckMagic(string path, long length, string display)
    {
        Span<byte> buffer = stackalloc byte[4];
        using var handle = File.OpenHandle(path);
        var valid = length >= 12;
        foreach (var offset in (ReadOnlySpan<long>)[0, length - 4])
        {
            valid =
                valid
                && RandomAccess.Read(handle, buffer, offset) == 4
                && (buffer.SequenceEqual("PAR1"u8) || buffer.SequenceEqual("PARE"u8));
        }

        if (!valid)
        {
            throw new PondCorruptFileException(
                FormattableString.Invariant(
                    $"Input file {display} is not a whole Parquet file: {length} bytes, start or end mark missing."
                )
            )
            {
                File = display,
            };
        }
    }

    /// <summary>Runs the work; when the data cannot be read, finds out which file is to blame.</summary>
    public static TaskOutput RunAndNameBadFile(
        TaskContext context,
        Func<TaskContext, TaskOutput> run
    )
    {
        try
        {
            return run(context);
        }
        catch (PondTaskException e) when (!context.Cancellation.IsCancellationRequested)
        {
            var named = Blame(
                context.Job,
                e,
                Files(context),
                context.LocalPath,
                query => context.WithDuck(duck => duck.Query(query, context.Cancellation)),
                context.Cancellation
            );
            if (named is null)
            {
                throw;
            }

            throw named;
        }
    }

    /// <summary>
    /// An error that names the file and, in text files, the row that cannot be read; null when the error is of
    /// another kind, says enough, or no file is to blame.
    /// </summary>
    public static PondCorruptFileException? Blame(
        JobRuntime job,
        PondTaskException error,
        IEnumerable<(FileSet Set, DataFile File)> inputs,
        Func<FileSet, DataFile, string> localPath,
        Action<string> query,
        CancellationToken cancellation
    )
    {
        var said = error as PondDataException;
        if (error is PondSchemaException || (said is null && error is not EngineException))
        {
            return null;
        }

        var files = inputs.Where(i => i.File.Memory is null).ToArray();
        if (
            said is { Line: not null }
            || (
                said?.File is { } file
                && files.Any(f => f.File.Path == file && f.Set.Format is ParquetFileFormat)
            )
        )
        {
            return null;
        }

        PondTaskException? Read(string select)
        {
            try
            {
                query($"SELECT bit_xor(hash(t)) FROM ({select}) t");
                return null;
            }
            catch (PondTaskException e)
            {
                return e;
            }
        }

        // The file that the error names comes first.
        foreach (var (set, input) in files.OrderBy(f => f.File.Path == said?.File ? 0 : 1))
        {
            var path = localPath(set, input);
            if (Read(set.Format.Select([path])) is not { } reason)
            {
                continue;
            }

            var row = set.Format is CsvFileFormat or JsonFileFormat
                ? BadRow.Find(job, set.Format, path, input.Path, Read, cancellation)
                : null;
            var text = row is null
                ? $"Input file {input.Path} cannot be read: {reason.Message.Replace(path, input.Path, StringComparison.Ordinal)}"
                : FormattableString.Invariant(
                    $"Input file {input.Path}, line {row.Line}, cannot be read: {row.Reason}"
                );
            return new PondCorruptFileException(text, error)
            {
                File = input.Path,
                Line = row?.Line,
            };
        }

        return null;
    }

    private static IEnumerable<(FileSet Set, DataFile File)> Files(TaskContext context) =>
        context.Task.Inputs.SelectMany(i => i.Sets).SelectMany(s => s.Files.Select(f => (s, f)));
}
