// SPDX-License-Identifier: MIT
using System.Buffers;

namespace DeepInfra.Fs.Datasets;

/// <summary>Records that were read together. Disposing gives their memory back.</summary>
public sealed class DatasetBatch : IDisposable
{
    private readonly ReadOnlyMemory<byte>[] _records;
    private byte[]? _buffer;

    internal DatasetBatch(long[] ids, ReadOnlyMemory<byte>[] records, byte[] buffer)
    {
        Ids = ids;
        _records = records;
        _buffer = buffer;
    }

    /// <summary>Numbers of the records in the dataset.</summary>
    public IReadOnlyList<long> Ids { get; }

    /// <summary>Number of records.</summary>
    public int Count => _records.Length;

    /// <summary>Where the epoch goes on after this batch, for <see cref="DatasetEpoch.StartBatch"/>.</summary>
    public long Next { get; internal init; }

    /// <summary>A record; valid until the batch is disposed.</summary>
    /// <param name="index">Position in the batch.</param>
    public ReadOnlyMemory<byte> this[int index]
    {
        get
        {
            ObjectDisposedException.ThrowIf(_buffer is null, this);
            return _records[index];
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
