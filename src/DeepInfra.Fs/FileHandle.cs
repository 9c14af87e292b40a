// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>
/// An open file. Reads and writes name their position, so one handle serves many tasks: concurrent reads are always
/// fine, concurrent writes when they do not overlap. Disposing waits until everything written is visible to others.
/// </summary>
public abstract class FileHandle : IAsyncDisposable
{
    private long _sequentialEnd;
    private int _disposed;

    /// <summary>Creates a handle.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="canWrite">Whether writing is allowed.</param>
    /// <param name="backend">Value of the <c>backend</c> tag of this handle's measurements.</param>
    private protected FileHandle(string path, bool canWrite, string backend)
    {
        Path = path;
        CanWrite = canWrite;
        Backend = new KeyValuePair<string, object?>("backend", backend);
    }

    /// <summary>Path of the file from the root of its file system.</summary>
    public string Path { get; }

    /// <summary>Whether the file was opened for writing.</summary>
    public bool CanWrite { get; }

    /// <summary>
    /// The length in bytes as far as this handle knows without asking anybody: as of opening, plus what was written
    /// through the handle since.
    /// </summary>
    public abstract long Length { get; }

    private protected KeyValuePair<string, object?> Backend { get; }

    /// <summary>Asks for the file's length in bytes, which others may have changed; what this handle wrote counts at once.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask<long> GetLengthAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return GetLengthCoreAsync(cancellationToken);
    }

    /// <summary>Reads at a position.</summary>
    /// <param name="buffer">Receives the bytes; it must stay untouched by others until the task completes.</param>
    /// <param name="offset">Position in the file in bytes.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>The number of bytes read; less than the buffer only at the end of the file, 0 beyond it.</returns>
    public ValueTask<int> ReadAsync(
        Memory<byte> buffer,
        long offset,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return buffer.IsEmpty
            ? new ValueTask<int>(0)
            : MeasuredReadAsync(buffer, offset, cancellationToken);
    }

    /// <summary>
    /// Reads several ranges as one batch. On 3FS the ranges travel in as few requests as their servers allow, which
    /// is what makes many small random reads fast.
    /// </summary>
    /// <param name="reads">The ranges; each receives its result in <see cref="FileRead.BytesRead"/>.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask ReadBatchAsync(
        IReadOnlyList<FileRead> reads,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentNullException.ThrowIfNull(reads);
        foreach (var read in reads)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(read.Offset);
        }

        await ReadBatchCoreAsync(reads, cancellationToken).ConfigureAwait(false);
        long bytes = 0;
        foreach (var read in reads)
        {
            bytes += read.BytesRead;
            CountPosition(read.Offset, read.BytesRead);
        }

        FsMetrics.Reads.Add(reads.Count, Backend);
        FsMetrics.BytesRead.Add(bytes, Backend);
    }

    /// <summary>Writes at a position; writing beyond the end extends the file and leaves zeros in between.</summary>
    /// <param name="buffer">The bytes; they must not change until the task completes.</param>
    /// <param name="offset">Position in the file in bytes.</param>
    /// <param name="cancellationToken">Gives the operation up; parts may have been written.</param>
    /// <exception cref="InvalidOperationException">The file was opened for reading.</exception>
    public async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        long offset,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfNotWritable();
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (buffer.IsEmpty)
        {
            return;
        }

        await WriteCoreAsync(buffer, offset, cancellationToken).ConfigureAwait(false);
        FsMetrics.Writes.Add(1, Backend);
        FsMetrics.BytesWritten.Add(buffer.Length, Backend);
    }

    /// <summary>Cuts or extends the file; new bytes are zero.</summary>
    /// <param name="length">The new length in bytes.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="InvalidOperationException">The file was opened for reading.</exception>
    public ValueTask SetLengthAsync(long length, CancellationToken cancellationToken = default)
    {
        ThrowIfNotWritable();
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return SetLengthCoreAsync(length, cancellationToken);
    }

    /// <summary>Makes written data and the length durable and visible to others.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return CanWrite ? FlushCoreAsync(cancellationToken) : ValueTask.CompletedTask;
    }

    /// <summary>
    /// A seekable stream over the file with its own position and buffers. It reads ahead while it is read in order.
    /// </summary>
    /// <param name="leaveOpen">Whether the handle stays open when the stream is disposed.</param>
    public Stream AsStream(bool leaveOpen = false)
    {
        ThrowIfDisposed();
        return new FileHandleStream(this, StreamStart, leaveOpen);
    }

    /// <summary>Closes the file; a second call does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await CloseCoreAsync().ConfigureAwait(false);
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Where a stream over the handle starts.</summary>
    private protected virtual long StreamStart => 0;

    private protected abstract ValueTask<long> GetLengthCoreAsync(
        CancellationToken cancellationToken
    );

    private protected abstract ValueTask<int> ReadCoreAsync(
        Memory<byte> buffer,
        long offset,
        CancellationToken cancellationToken
    );

    private protected virtual async ValueTask ReadBatchCoreAsync(
        IReadOnlyList<FileRead> reads,
        CancellationToken cancellationToken
    )
    {
        await Parallel
            .ForEachAsync(
                reads,
                new ParallelOptions
                {
                    MaxDegreeOfParallelism = 16,
                    CancellationToken = cancellationToken,
                },
                async (read, token) =>
                    read.BytesRead = await ReadCoreAsync(read.Buffer, read.Offset, token)
                        .ConfigureAwait(false)
            )
            .ConfigureAwait(false);
    }

    private protected abstract ValueTask WriteCoreAsync(
        ReadOnlyMemory<byte> buffer,
        long offset,
        CancellationToken cancellationToken
    );

    private protected abstract ValueTask SetLengthCoreAsync(
        long length,
        CancellationToken cancellationToken
    );

    private protected abstract ValueTask FlushCoreAsync(CancellationToken cancellationToken);

    private protected abstract ValueTask CloseCoreAsync();

    /// <summary>Counts a read that went past <see cref="ReadAsync"/>.</summary>
    internal void CountBatchedRead(long offset, int count)
    {
        FsMetrics.Reads.Add(1, Backend);
        FsMetrics.BytesRead.Add(count, Backend);
        CountPosition(offset, count);
    }

    private protected void ThrowIfDisposed() =>
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);

    private async ValueTask<int> MeasuredReadAsync(
        Memory<byte> buffer,
        long offset,
        CancellationToken cancellationToken
    )
    {
        var count = await ReadCoreAsync(buffer, offset, cancellationToken).ConfigureAwait(false);
        FsMetrics.Reads.Add(1, Backend);
        FsMetrics.BytesRead.Add(count, Backend);
        CountPosition(offset, count);
        return count;
    }

    /// <summary>A read that does not start where another one ended is a random read.</summary>
    private void CountPosition(long offset, int count)
    {
        if (Interlocked.Exchange(ref _sequentialEnd, offset + count) != offset)
        {
            FsMetrics.RandomReads.Add(1, Backend);
        }
    }

    private void ThrowIfNotWritable()
    {
        ThrowIfDisposed();
        if (!CanWrite)
        {
            throw new InvalidOperationException($"'{Path}' was opened for reading");
        }
    }
}
