// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Runtime.CompilerServices;

namespace DeepInfra.Fs.Datasets;

/// <summary>
/// Records in files, read in any order: the data loader of a training run. Each batch is one batched read per file,
/// so on 3FS the records of a batch travel in a few requests. Thread-safe.
/// </summary>
public sealed class RandomAccessDataset : IAsyncDisposable
{
    private readonly FileHandle[] _files;
    private readonly Location[] _index;
    private readonly long _fixedCount;
    private readonly int _fixedLength;
    private readonly long[] _fixedStarts;

    private RandomAccessDataset(FileHandle[] files, Location[] index)
    {
        _files = files;
        _index = index;
        _fixedStarts = [];
    }

    private RandomAccessDataset(FileHandle[] files, long[] starts, int recordBytes)
    {
        _files = files;
        _index = [];
        _fixedStarts = starts;
        _fixedCount = starts[^1];
        _fixedLength = recordBytes;
    }

    /// <summary>Number of records.</summary>
    public long Count => _fixedLength > 0 ? _fixedCount : _index.Length;

    /// <summary>Opens files that consist of records of one length; a shorter rest at the end of a file is ignored.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="paths">The files, in the order of their records.</param>
    /// <param name="recordBytes">Length of a record in bytes.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public static async ValueTask<RandomAccessDataset> OpenFixedAsync(
        IFileSystem fileSystem,
        IReadOnlyList<string> paths,
        int recordBytes,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(paths);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(recordBytes);
        var files = await OpenFilesAsync(fileSystem, paths, cancellationToken)
            .ConfigureAwait(false);
        var starts = new long[files.Length + 1];
        for (var i = 0; i < files.Length; i++)
        {
            starts[i + 1] = starts[i] + (files[i].Length / recordBytes);
        }

        return new RandomAccessDataset(files, starts, recordBytes);
    }

    /// <summary>Opens a dataset whose records are listed one by one.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="index">The records; number 0 is the first.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public static async ValueTask<RandomAccessDataset> OpenAsync(
        IFileSystem fileSystem,
        IReadOnlyList<DatasetRecord> index,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(index);
        var numbers = new Dictionary<string, int>();
        var locations = new Location[index.Count];
        for (var i = 0; i < index.Count; i++)
        {
            var record = index[i];
            ArgumentOutOfRangeException.ThrowIfNegative(record.Offset, nameof(index));
            ArgumentOutOfRangeException.ThrowIfNegative(record.Length, nameof(index));
            if (!numbers.TryGetValue(record.Path, out var number))
            {
                number = numbers.Count;
                numbers.Add(record.Path, number);
            }

            locations[i] = new Location(number, record.Offset, record.Length);
        }

        var files = await OpenFilesAsync(fileSystem, [.. numbers.Keys], cancellationToken)
            .ConfigureAwait(false);
        return new RandomAccessDataset(files, locations);
    }

    /// <summary>Reads records.</summary>
    /// <param name="ids">Their numbers, in any order.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="EndOfStreamException">A file is shorter than the index says.</exception>
    public ValueTask<DatasetBatch> ReadBatchAsync(
        ReadOnlyMemory<long> ids,
        CancellationToken cancellationToken = default
    ) => ReadAsync(ids.ToArray(), next: 0, cancellationToken);

    /// <summary>
    /// Reads this rank's share of an epoch, batch after batch, with further batches in flight. Every record goes to
    /// exactly one rank; records that do not fill a batch of all ranks are left out. The caller disposes the batches.
    /// </summary>
    /// <param name="epoch">What to read.</param>
    /// <param name="cancellationToken">Ends the epoch.</param>
    public async IAsyncEnumerable<DatasetBatch> EnumerateAsync(
        DatasetEpoch epoch,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(epoch);
        epoch.Validate();
        var batches = CountBatches(epoch);
        var permutation = new IndexPermutation(
            Count,
            unchecked(epoch.Seed + ((ulong)epoch.Epoch * 0xD1B54A32D192ED03))
        );
        var ahead = new Queue<Task<DatasetBatch>>();
        try
        {
            for (var batch = epoch.StartBatch; batch < batches || ahead.Count > 0; )
            {
                while (batch < batches && ahead.Count <= epoch.PrefetchBatches)
                {
                    var ids = IdsOf(epoch, permutation, batch);
                    ahead.Enqueue(ReadAsync(ids, ++batch, cancellationToken).AsTask());
                }

                yield return await ahead.Dequeue().ConfigureAwait(false);
            }
        }
        finally
        {
            foreach (var task in ahead)
            {
                await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (task.IsCompletedSuccessfully)
                {
                    (await task.ConfigureAwait(false)).Dispose();
                }
            }
        }
    }

    /// <summary>Number of batches that each rank gets in an epoch.</summary>
    /// <param name="epoch">The epoch.</param>
    public long CountBatches(DatasetEpoch epoch)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        epoch.Validate();
        return Count / ((long)epoch.BatchSize * epoch.WorldSize);
    }

    /// <summary>Closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var file in _files)
        {
            await file.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async ValueTask<FileHandle[]> OpenFilesAsync(
        IFileSystem fileSystem,
        IReadOnlyList<string> paths,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        var files = new List<FileHandle>(paths.Count);
        try
        {
            foreach (var path in paths)
            {
                files.Add(
                    await fileSystem.OpenReadAsync(path, cancellationToken).ConfigureAwait(false)
                );
            }

            return [.. files];
        }
        catch
        {
            foreach (var file in files)
            {
                await file.DisposeAsync().ConfigureAwait(false);
            }

            throw;
        }
    }

    private static long[] IdsOf(DatasetEpoch epoch, IndexPermutation permutation, long batch)
    {
        var ids = new long[epoch.BatchSize];
        var first = ((batch * epoch.WorldSize) + epoch.Rank) * epoch.BatchSize;
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = epoch.Shuffle ? permutation[first + i] : first + i;
        }

        return ids;
    }

    private async ValueTask<DatasetBatch> ReadAsync(
        long[] ids,
        long next,
        CancellationToken cancellationToken
    )
    {
        var locations = new Location[ids.Length];
        long total = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            locations[i] = Locate(ids[i]);
            total += locations[i].Length;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(checked((int)Math.Max(total, 1)));
        try
        {
            var records = new ReadOnlyMemory<byte>[ids.Length];
            var reads = new Dictionary<int, List<FileRead>>();
            var position = 0;
            for (var i = 0; i < ids.Length; i++)
            {
                var (file, offset, length) = locations[i];
                var memory = buffer.AsMemory(position, length);
                records[i] = memory;
                position += length;
                if (!reads.TryGetValue(file, out var list))
                {
                    list = [];
                    reads.Add(file, list);
                }

                list.Add(new FileRead(offset, memory));
            }

            await Task.WhenAll(
                    reads.Select(r => ReadFileAsync(_files[r.Key], r.Value, cancellationToken))
                )
                .ConfigureAwait(false);
            return new DatasetBatch(ids, records, buffer) { Next = next };
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private static async Task ReadFileAsync(
        FileHandle file,
        List<FileRead> reads,
        CancellationToken cancellationToken
    )
    {
        await file.ReadBatchAsync(reads, cancellationToken).ConfigureAwait(false);
        foreach (var read in reads)
        {
            if (read.BytesRead != read.Buffer.Length)
            {
                throw new EndOfStreamException(
                    $"'{file.Path}' ends within the record of {read.Buffer.Length} bytes at {read.Offset}"
                );
            }
        }
    }

    private Location Locate(long id)
    {
        if (id < 0 || id >= Count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(id),
                id,
                $"ids: expected record numbers from 0 to {Count - 1}, got {id}"
            );
        }

        if (_fixedLength == 0)
        {
            return _index[id];
        }

        var found = Array.BinarySearch(_fixedStarts, id);
        var file = found >= 0 ? found : ~found - 1;
        while (_fixedStarts[file + 1] == _fixedStarts[file])
        {
            // Files without records share their start with the file that has the record.
            file++;
        }

        return new Location(file, (id - _fixedStarts[file]) * _fixedLength, _fixedLength);
    }

    private readonly record struct Location(int File, long Offset, int Length);
}
