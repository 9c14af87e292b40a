// SPDX-License-Identifier: MIT
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
            if (context.Job.Stager.IsRemote(file.Path))
            {
                // Compared when the file is staged.
                continue;
            }

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
                        $"Input file {file.Path} changed since planning: expected {file.Bytes} bytes, found {info.Length}."
                    )
                )
                {
                    File = file.Path,
                };
            }

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
        catch (PondTaskException e)
            when (e
                    is PondDataException { File: null }
                        and not PondSchemaException
                        or EngineException
                && !context.Cancellation.IsCancellationRequested
            )
        {
            var bad = FindBadFile(context);
            if (bad is null)
            {
                throw;
            }

            throw new PondCorruptFileException(
                $"Input file {bad.Value.Path} cannot be read: {bad.Value.Message}",
                e
            )
            {
                File = bad.Value.Path,
            };
        }
    }

    private static (string Path, string Message)? FindBadFile(TaskContext context)
    {
        foreach (var (set, file) in Files(context))
        {
            try
            {
                context.WithDuck(duck =>
                    duck.Query(
                        "SELECT bit_xor(hash(t)) FROM ("
                            + set.Format.Select([context.LocalPath(set, file)])
                            + ") t",
                        context.Cancellation
                    )
                );
            }
            catch (PondTaskException e)
            {
                return (file.Path, e.Message);
            }
        }

        return null;
    }

    private static IEnumerable<(FileSet Set, DataFile File)> Files(TaskContext context) =>
        context.Task.Inputs.SelectMany(i => i.Sets).SelectMany(s => s.Files.Select(f => (s, f)));
}
