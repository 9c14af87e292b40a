// SPDX-License-Identifier: MIT
using System.Buffers;

namespace DeepInfra.Fs;

/// <summary>
/// A seekable stream over a <see cref="FileHandle"/>. Reading in order fetches blocks ahead; writes are gathered into
/// blocks that are written behind. Like any stream it serves one caller at a time.
/// </summary>
internal sealed class FileHandleStream(FileHandle file, long start, bool leaveOpen) : Stream
{
    private readonly StreamReadAhead _reader = new(file);
    private readonly StreamWriteBehind _writer = new(file);
    private long _position = start;
    private bool _disposed;

    public override bool CanRead => !_disposed;

    public override bool CanSeek => !_disposed;

    public override bool CanWrite => !_disposed && file.CanWrite;

    public override long Length => Wait(GetLengthAsync(CancellationToken.None));

    public override long Position
    {
        get
        {
            ThrowIfDisposed();
            return _position;
        }
        set => Seek(value, SeekOrigin.Begin);
    }

    public override long Seek(long offset, SeekOrigin origin)
    {
        ThrowIfDisposed();
        var target = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => checked(_position + offset),
            SeekOrigin.End => checked(Length + offset),
            _ => throw new ArgumentOutOfRangeException(nameof(origin), origin, "unknown origin"),
        };
        if (target < 0)
        {
            throw new IOException($"cannot seek to {target}: before the start of '{file.Path}'");
        }

        _position = target;
        return target;
    }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        if (buffer.IsEmpty)
        {
            return 0;
        }

        // Reading must see what this stream has written.
        await _writer.DrainAsync(cancellationToken).ConfigureAwait(false);
        var count = await _reader
            .ReadAsync(buffer, _position, cancellationToken)
            .ConfigureAwait(false);
        _position += count;
        return count;
    }

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        if (!file.CanWrite)
        {
            throw new NotSupportedException($"'{file.Path}' was opened for reading");
        }

        await _reader.ResetAsync().ConfigureAwait(false);
        await _writer.WriteAsync(buffer, _position, cancellationToken).ConfigureAwait(false);
        _position += buffer.Length;
    }

    /// <summary>Hands buffered bytes to the file. Durability is the business of the handle's own flush.</summary>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        await _writer.DrainAsync(cancellationToken).ConfigureAwait(false);
    }

    public override void SetLength(long value)
    {
        ThrowIfDisposed();
        if (!file.CanWrite)
        {
            throw new NotSupportedException($"'{file.Path}' was opened for reading");
        }

        Wait(SetLengthAsync(value));
    }

    public override Task<int> ReadAsync(
        byte[] buffer,
        int offset,
        int count,
        CancellationToken cancellationToken
    )
    {
        ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override Task WriteAsync(
        byte[] buffer,
        int offset,
        int count,
        CancellationToken cancellationToken
    )
    {
        ValidateBufferArguments(buffer, offset, count);
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Wait(ReadAsync(buffer.AsMemory(offset, count)));
    }

    public override int Read(Span<byte> buffer)
    {
        var copy = ArrayPool<byte>.Shared.Rent(buffer.Length);
        try
        {
            var count = Wait(ReadAsync(copy.AsMemory(0, buffer.Length)));
            copy.AsSpan(0, count).CopyTo(buffer);
            return count;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        Wait(WriteAsync(buffer.AsMemory(offset, count)).AsTask());
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        var copy = ArrayPool<byte>.Shared.Rent(buffer.Length);
        try
        {
            buffer.CopyTo(copy);
            Wait(WriteAsync(copy.AsMemory(0, buffer.Length)).AsTask());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }

    public override void Flush() => Wait(FlushAsync(CancellationToken.None));

    public override async ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            _disposed = true;
            try
            {
                await _writer.DisposeAsync().ConfigureAwait(false);
            }
            finally
            {
                await _reader.ResetAsync().ConfigureAwait(false);
                if (!leaveOpen)
                {
                    await file.DisposeAsync().ConfigureAwait(false);
                }
            }
        }

        await base.DisposeAsync().ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            Wait(DisposeAsync().AsTask());
        }

        base.Dispose(disposing);
    }

    // The synchronous half of the stream contract; nothing else in the package blocks a thread.
    private static T Wait<T>(ValueTask<T> task) => task.AsTask().GetAwaiter().GetResult();

    private static void Wait(Task task) => task.GetAwaiter().GetResult();

    private async Task SetLengthAsync(long value)
    {
        await _writer.DrainAsync(CancellationToken.None).ConfigureAwait(false);
        await _reader.ResetAsync().ConfigureAwait(false);
        await file.SetLengthAsync(value).ConfigureAwait(false);
        _position = Math.Min(_position, value);
    }

    private async ValueTask<long> GetLengthAsync(CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        await _writer.DrainAsync(cancellationToken).ConfigureAwait(false);
        return await file.GetLengthAsync(cancellationToken).ConfigureAwait(false);
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_disposed, this);
}
