// SPDX-License-Identifier: MIT
using System.Buffers;

namespace DeepInfra.Fs;

/// <summary>
/// Gathers consecutive writes into blocks and writes them behind. A failed block surfaces at the next write, flush or
/// disposal.
/// </summary>
internal sealed class StreamWriteBehind(FileHandle file) : IAsyncDisposable
{
    private const int BlockBytes = 1 << 20;
    private const int MaximumInFlight = 4;

    private readonly Queue<(Task Write, byte[] Buffer)> _inFlight = new();
    private byte[]? _block;
    private long _blockOffset;
    private int _blockLength;
    private long _nextPosition = -1;

    public async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        long position,
        CancellationToken cancellationToken
    )
    {
        if (position != _nextPosition)
        {
            // Blocks must not overlap while they are in flight.
            await DrainAsync(cancellationToken).ConfigureAwait(false);
        }

        _nextPosition = position + buffer.Length;

        while (!buffer.IsEmpty)
        {
            if (_blockLength == 0)
            {
                _blockOffset = position;
                _block ??= ArrayPool<byte>.Shared.Rent(BlockBytes);
            }

            var count = Math.Min(BlockBytes - _blockLength, buffer.Length);
            buffer[..count].CopyTo(_block.AsMemory(_blockLength));
            _blockLength += count;
            position += count;
            buffer = buffer[count..];
            if (_blockLength == BlockBytes)
            {
                await StartBlockAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Writes what is buffered and waits for everything in flight.</summary>
    public async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        if (_blockLength > 0)
        {
            await StartBlockAsync(cancellationToken).ConfigureAwait(false);
        }

        while (_inFlight.Count > 0)
        {
            await FinishOldestAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await DrainAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            while (_inFlight.TryDequeue(out var write))
            {
                await write.Write.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                ArrayPool<byte>.Shared.Return(write.Buffer);
            }

            if (_block is { } block)
            {
                _block = null;
                ArrayPool<byte>.Shared.Return(block);
            }
        }
    }

    private async ValueTask StartBlockAsync(CancellationToken cancellationToken)
    {
        while (_inFlight.Count >= MaximumInFlight)
        {
            await FinishOldestAsync().ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
        var block = _block!;
        var write = file.WriteAsync(
                block.AsMemory(0, _blockLength),
                _blockOffset,
                CancellationToken.None
            )
            .AsTask();
        _block = null;
        _blockLength = 0;
        _inFlight.Enqueue((write, block));
    }

    private async ValueTask FinishOldestAsync()
    {
        var (write, block) = _inFlight.Dequeue();
        try
        {
            await write.ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}
