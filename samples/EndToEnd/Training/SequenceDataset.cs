// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Fs;
using DeepInfra.Fs.Datasets;
using DeepInfra.Pond;

namespace EndToEnd.Training;

/// <summary>
/// Packed sequences on 3FS, read at random: records of S + 1 token ids (16 bits), of which the last is only a label.
/// </summary>
internal sealed class SequenceDataset : IAsyncDisposable
{
    private readonly RandomAccessDataset _records;
    private readonly int _length;

    private SequenceDataset(RandomAccessDataset records, int length)
    {
        _records = records;
        _length = length;
    }

    public int Count => (int)_records.Count;

    public static async Task<SequenceDataset> OpenAsync(
        IFileSystem files,
        string folder,
        int sequenceLength,
        CancellationToken cancellationToken
    )
    {
        var records = await PondRecords.OpenAsync(files, folder, cancellationToken);
        return new SequenceDataset(records, sequenceLength);
    }

    /// <summary>Tokens of a record: the inputs and, one further, the labels.</summary>
    public static int RecordTokens(int sequenceLength) => sequenceLength + 1;

    /// <summary>The tokens of a record as they are stored.</summary>
    public static ReadOnlySpan<ushort> Tokens(ReadOnlySpan<byte> record) =>
        MemoryMarshal.Cast<byte, ushort>(record);

    /// <summary>
    /// Shuffled batches without end, a new order each epoch. The batch number decides the content, so a run resumes
    /// from its step number alone.
    /// </summary>
    public async IAsyncEnumerable<Batch> ShuffledAsync(
        int batchSize,
        int seed,
        long startBatch,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var perEpoch = Count / batchSize;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batchSize, Count);
        for (var epoch = startBatch / perEpoch; ; epoch++)
        {
            var plan = new DatasetEpoch(batchSize, (ulong)seed)
            {
                Epoch = (int)epoch,
                StartBatch = epoch == startBatch / perEpoch ? startBatch % perEpoch : 0,
            };
            await foreach (var records in _records.EnumerateAsync(plan, cancellationToken))
                using (records)
                    if (records.Count == batchSize)
                        yield return ToBatch(records);
        }
    }

    public async Task<Batch> ReadAsync(int start, int count, CancellationToken cancellationToken)
    {
        var ids = Enumerable.Range(start, count).Select(i => (long)i).ToArray();
        using var records = await _records.ReadBatchAsync(ids, cancellationToken);
        return ToBatch(records);
    }

    public ValueTask DisposeAsync() => _records.DisposeAsync();

    private Batch ToBatch(DatasetBatch records)
    {
        var batch = new Batch(new int[records.Count, _length], new int[records.Count, _length]);
        for (var i = 0; i < records.Count; i++)
        {
            var tokens = Tokens(records[i].Span);
            for (var j = 0; j < _length; j++)
            {
                batch.Inputs[i, j] = tokens[j];
                batch.Labels[i, j] = tokens[j + 1];
            }
        }
        return batch;
    }
}
