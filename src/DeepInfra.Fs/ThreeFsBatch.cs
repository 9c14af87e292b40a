// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using DeepInfra.Fs.Storage;

namespace DeepInfra.Fs;

/// <summary>
/// A queue of reads and writes of many files that are submitted together and complete in any order, after the model of
/// a submission and completion ring. Reads of one submission are grouped by storage server whatever file they belong
/// to. Adding and submitting is for one task at a time, completions for another.
/// </summary>
public sealed class ThreeFsBatch
{
    private readonly ThreeFsClient _client;
    private readonly List<Operation> _added = [];
    private readonly Channel<BatchCompletion> _completions =
        Channel.CreateUnbounded<BatchCompletion>(
            new UnboundedChannelOptions { SingleReader = true }
        );
    private int _outstanding;

    internal ThreeFsBatch(ThreeFsClient client, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _client = client;
        Capacity = capacity;
    }

    /// <summary>Operations that may be added or in flight.</summary>
    public int Capacity { get; }

    /// <summary>Operations that are added or submitted and whose completion has not been taken.</summary>
    public int Count => _added.Count + Volatile.Read(ref _outstanding);

    /// <summary>Adds a read.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">Position in bytes.</param>
    /// <param name="buffer">Receives the bytes; it belongs to the batch until the completion was taken.</param>
    /// <param name="tag">A number that the completion carries.</param>
    /// <exception cref="InvalidOperationException">The batch is full.</exception>
    public void AddRead(ThreeFsFile file, long offset, Memory<byte> buffer, long tag) =>
        Add(new Operation(file, offset, buffer, default, tag, IsWrite: false));

    /// <summary>Adds a write. Writes of one submission must not overlap.</summary>
    /// <param name="file">The file, open for writing.</param>
    /// <param name="offset">Position in bytes.</param>
    /// <param name="data">The bytes; they must not change until the completion was taken.</param>
    /// <param name="tag">A number that the completion carries.</param>
    /// <exception cref="InvalidOperationException">The batch is full.</exception>
    public void AddWrite(ThreeFsFile file, long offset, ReadOnlyMemory<byte> data, long tag) =>
        Add(new Operation(file, offset, default, data, tag, IsWrite: true));

    /// <summary>Starts everything that was added. The operations go on after this method has returned.</summary>
    /// <param name="cancellationToken">Cancels the operations; they complete with that error.</param>
    /// <returns>The number of operations started.</returns>
    public int Submit(CancellationToken cancellationToken = default)
    {
        _client.ThrowIfDisposed();
        var operations = _added.ToArray();
        _added.Clear();
        Interlocked.Add(ref _outstanding, operations.Length);
        var reads = Array.FindAll(operations, o => !o.IsWrite);
        if (reads.Length > 0)
        {
            _ = Task.Run(() => ReadAsync(reads, cancellationToken), CancellationToken.None);
        }

        foreach (var write in operations.Where(o => o.IsWrite))
        {
            _ = Task.Run(() => WriteAsync(write, cancellationToken), CancellationToken.None);
        }

        return operations.Length;
    }

    /// <summary>Yields completions as they come, until every submitted operation has completed.</summary>
    /// <param name="cancellationToken">Ends the enumeration; the operations go on.</param>
    public async IAsyncEnumerable<BatchCompletion> CompletionsAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        while (Volatile.Read(ref _outstanding) > 0)
        {
            var completion = await _completions
                .Reader.ReadAsync(cancellationToken)
                .ConfigureAwait(false);
            Interlocked.Decrement(ref _outstanding);
            yield return completion;
        }
    }

    private void Add(Operation operation)
    {
        ArgumentNullException.ThrowIfNull(operation.File);
        ArgumentOutOfRangeException.ThrowIfNegative(operation.Offset);
        if (Count >= Capacity)
        {
            throw new InvalidOperationException(
                $"the batch is full: {Capacity} operations are added or in flight"
            );
        }

        _added.Add(operation);
    }

    private async Task WriteAsync(Operation write, CancellationToken cancellationToken)
    {
        Exception? error = null;
        try
        {
            await write
                .File.WriteAsync(write.Data, write.Offset, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            error = e;
        }

        Complete(write.Tag, error is null ? write.Data.Length : 0, error);
    }

    private async Task ReadAsync(Operation[] reads, CancellationToken cancellationToken)
    {
        var plans = new List<Plan>(reads.Length);
        var total = 0;
        foreach (var read in reads)
        {
            try
            {
                var length = await read
                    .File.LengthForAsync(read.Offset + read.Buffer.Length, cancellationToken)
                    .ConfigureAwait(false);
                var count = (int)Math.Clamp(length - read.Offset, 0, read.Buffer.Length);
                plans.Add(new Plan(read, count));
                total += read.File.CountOf(read.Offset, count);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                Complete(read.Tag, 0, e);
            }
        }

        var ranges = ArrayPool<ChunkRead>.Shared.Rent(Math.Max(total, 1));
        try
        {
            await ReadRangesAsync(plans, ranges, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<ChunkRead>.Shared.Return(ranges, clearArray: true);
        }
    }

    private async ValueTask ReadRangesAsync(
        List<Plan> plans,
        ChunkRead[] ranges,
        CancellationToken cancellationToken
    )
    {
        var ends = new int[plans.Count];
        Exception? failure = null;
        try
        {
            var used = 0;
            for (var i = 0; i < ends.Length; i++)
            {
                var (read, count) = plans[i];
                used = read.File.Split(ranges, used, read.Buffer[..count], read.Offset);
                ends[i] = used;
            }

            await _client.Storage.ReadAsync(ranges, used, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            failure = e;
        }

        var start = 0;
        for (var i = 0; i < ends.Length; i++)
        {
            var error = failure ?? FirstError(plans[i].Read.File, ranges, start, ends[i]);
            start = ends[i];
            if (error is null)
            {
                plans[i].Read.File.CountBatchedRead(plans[i].Read.Offset, plans[i].Count);
            }

            Complete(plans[i].Read.Tag, error is null ? plans[i].Count : 0, error);
        }
    }

    private static Exception? FirstError(ThreeFsFile file, ChunkRead[] ranges, int start, int end)
    {
        try
        {
            for (var i = start; i < end; i++)
            {
                file.Check(ranges[i]);
            }

            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return e;
        }
    }

    private void Complete(long tag, int bytes, Exception? error) =>
        _completions.Writer.TryWrite(new BatchCompletion(tag, bytes, error));

    private readonly record struct Operation(
        ThreeFsFile File,
        long Offset,
        Memory<byte> Buffer,
        ReadOnlyMemory<byte> Data,
        long Tag,
        bool IsWrite
    );

    private readonly record struct Plan(Operation Read, int Count);
}
