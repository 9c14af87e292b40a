// SPDX-License-Identifier: MIT
using DeepInfra.Fs;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Gives DuckDB a local path for every input file: files of mounted file systems are copied to the
/// temporary directory, and kept there while space allows. Thread-safe.
/// </summary>
internal sealed class FileStager(JobRuntime job) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, PondPath> _remote = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private long _bytes;
    private long _clock;

    /// <summary>Registers a file that DuckDB cannot open itself.</summary>
    public void Register(string display, PondPath path)
    {
        lock (_lock)
        {
            _remote[display] = path;
        }
    }

    public bool IsRemote(string path)
    {
        lock (_lock)
        {
            return _remote.ContainsKey(path);
        }
    }

    /// <summary>
    /// A local path of the file's rows. Ends with <see cref="Release"/> when <paramref name="lease"/> is set.
    /// </summary>
    public string LocalPath(
        FileSet set,
        DataFile file,
        CancellationToken cancellation,
        out string? lease
    )
    {
        lease = null;
        var clean = set.Format is JsonFileFormat { Options.BadRows: BadRowPolicy.Quarantine };
        PondPath? remote;
        Entry entry;
        lock (_lock)
        {
            _remote.TryGetValue(file.Path, out remote);
            if (remote is null && !clean)
            {
                return file.Path;
            }

            lease = Identity(set, file, clean);
            if (!_entries.TryGetValue(lease, out entry!))
            {
                _entries[lease] = entry = new Entry();
            }

            entry.Users++;
            entry.LastUse = ++_clock;
        }

        try
        {
            lock (entry)
            {
                if (entry.Path is null)
                {
                    var path = remote is null ? file.Path : Download(remote, file, cancellation);
                    if (clean)
                    {
                        var filtered = JsonLineFilter.Run(
                            job,
                            path,
                            file.Path,
                            ((JsonFileFormat)set.Format).Options,
                            NewPath("clean.jsonl"),
                            cancellation
                        );
                        if (remote is not null)
                        {
                            File.Delete(path);
                        }

                        path = filtered;
                    }

                    entry.Path = path;
                    entry.Bytes = new FileInfo(path).Length;
                    lock (_lock)
                    {
                        _bytes += entry.Bytes;
                    }
                }
            }
        }
        catch
        {
            Release(lease);
            lease = null;
            throw;
        }

        return entry.Path;
    }

    public void Release(string lease)
    {
        List<Entry> evicted = [];
        lock (_lock)
        {
            if (!_entries.TryGetValue(lease, out var entry))
            {
                return;
            }

            entry.Users--;
            foreach (var (key, candidate) in _entries.OrderBy(e => e.Value.LastUse).ToArray())
            {
                if (_bytes <= job.Options.StagingBytes)
                {
                    break;
                }

                if (candidate.Users == 0 && candidate.Path is not null)
                {
                    _entries.Remove(key);
                    _bytes -= candidate.Bytes;
                    evicted.Add(candidate);
                }
            }
        }

        foreach (var entry in evicted)
        {
            File.Delete(entry.Path!);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _entries.Clear();
        }
    }

    private string Download(PondPath source, DataFile file, CancellationToken cancellation)
    {
        var target = NewPath(source.Name);
        try
        {
            DownloadAsync(source, file, target, cancellation).GetAwaiter().GetResult();
        }
        catch (FileNotFoundException e)
        {
            throw new PondCorruptFileException($"Input file {file.Path} is missing.", e)
            {
                File = file.Path,
            };
        }
        catch
        {
            File.Delete(target);
            throw;
        }

        PondMetrics.StagedBytes.Add(
            file.Bytes,
            new KeyValuePair<string, object?>("direction", "in")
        );
        if (file.Checksum is { } expected && TaskStore.Checksum(target) != expected)
        {
            throw new PondCorruptFileException(
                $"Input file {file.Path}: the checksum differs from the one stored when it was written."
            )
            {
                File = file.Path,
            };
        }

        return target;
    }

    private async Task DownloadAsync(
        PondPath source,
        DataFile file,
        string target,
        CancellationToken cancellation
    )
    {
        var entry = await source
            .FileSystem.StatAsync(source.Path, cancellation)
            .ConfigureAwait(false);
        if (
            job.Options.VerifyInputs != InputVerification.Never
            && (
                (file.IsWhole && entry.Length != file.Bytes)
                || (file.Modified != 0 && entry.LastModified.UtcTicks != file.Modified)
            )
        )
        {
            throw new PondCorruptFileException(
                FormattableString.Invariant(
                    $"Input file {file.Path} changed since planning: expected {file.Bytes} bytes, found {entry.Length}."
                )
            )
            {
                File = file.Path,
            };
        }

        var handle = await source
            .FileSystem.OpenReadAsync(source.Path, cancellation)
            .ConfigureAwait(false);
        await using (handle.ConfigureAwait(false))
        {
            var input = handle.AsStream(leaveOpen: true);
            var output = new FileStream(
                target,
                FileMode.CreateNew,
                FileAccess.Write,
                FileShare.None,
                0
            );
            await using (input.ConfigureAwait(false))
            await using (output.ConfigureAwait(false))
            {
                await input.CopyToAsync(output, 1 << 20, cancellation).ConfigureAwait(false);
                if (output.Length != entry.Length)
                {
                    throw new PondCorruptFileException(
                        FormattableString.Invariant(
                            $"Input file {file.Path}: read {output.Length} of {entry.Length} bytes."
                        )
                    )
                    {
                        File = file.Path,
                    };
                }
            }
        }
    }

    private string NewPath(string name) =>
        Path.Combine(job.NewTempDirectory("stage"), SafeName(name));

    /// <summary>Copies of what the path held before, or of lines under other rules, do not count.</summary>
    private static string Identity(FileSet set, DataFile file, bool clean) =>
        FormattableString.Invariant(
            $"{(clean ? ((JsonFileFormat)set.Format).Options.ToString() : "raw")}|{file.Modified}|{file.Origin}|{file.Path}"
        );

    /// <summary>Keeps the ending, by which DuckDB recognises compression.</summary>
    private static string SafeName(string name) =>
        string.Concat(
            name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '_')
        );

    private sealed class Entry
    {
        public string? Path { get; set; }

        public long Bytes { get; set; }

        public int Users { get; set; }

        public long LastUse { get; set; }
    }
}
