// SPDX-License-Identifier: MIT
using System.Buffers;

namespace DeepInfra.Fs;

/// <summary>
/// Blocks of a file fetched in order. The first block after a jump is small and each following one twice as long, so
/// a few scattered reads cost little and a scan soon runs with full blocks and several of them in flight.
/// </summary>
internal sealed class StreamReadAhead(FileHandle file)
{
    private const int FirstBlockBytes = 64 << 10;
    private const int MaximumBlockBytes = 1 << 20;
    private const long AheadBytes = 4 << 20;

    private readonly Queue<Block> _blocks = new();
    private long _nextFetch;
    private int _nextBlockBytes = FirstBlockBytes;
    private bool _sequential;

    public async ValueTask<int> ReadAsync(
        Memory<byte> buffer,
        long position,
        CancellationToken cancellationToken
    )
    {
        while (_blocks.TryPeek(out var block))
        {
            if (position < block.Offset)
            {
                break;
            }

            var count = await WaitAsync(block, cancellationToken).ConfigureAwait(false);
            if (position < block.Offset + count)
            {
                FetchAhead(position);
                var copied = Math.Min(buffer.Length, (int)(block.Offset + count - position));
                block.Buffer.AsSpan((int)(position - block.Offset), copied).CopyTo(buffer.Span);
                return copied;
            }

            if (count < block.Length && position == block.Offset + count)
            {
                // The end of the file as it was then; the file may have grown since.
                break;
            }

            _blocks.Dequeue();
            ArrayPool<byte>.Shared.Return(block.Buffer);
        }

        var inOrder = position == _nextFetch && _sequential;
        await ResetAsync().ConfigureAwait(false);
        if (buffer.Length >= MaximumBlockBytes)
        {
            // Large reads go to the caller's memory and are split into parallel requests below.
            var count = await file.ReadAsync(buffer, position, cancellationToken)
                .ConfigureAwait(false);
            _nextFetch = position + count;
            _sequential = true;
            return count;
        }

        if (!inOrder)
        {
            _nextBlockBytes = FirstBlockBytes;
        }

        _nextFetch = position;
        _sequential = true;
        Fetch();
        var first = _blocks.Peek();
        var available = await WaitAsync(first, cancellationToken).ConfigureAwait(false);
        var result = Math.Min(available, buffer.Length);
        first.Buffer.AsSpan(0, result).CopyTo(buffer.Span);
        return result;
    }

    /// <summary>Waits for the fetches in flight and forgets all blocks.</summary>
    public async ValueTask ResetAsync()
    {
        while (_blocks.TryDequeue(out var block))
        {
            try
            {
                await block.Fetch.ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Nobody asked for this block yet; the read that needs it will meet the same error.
            }

            ArrayPool<byte>.Shared.Return(block.Buffer);
        }

        _sequential = false;
    }

    private async ValueTask<int> WaitAsync(Block block, CancellationToken cancellationToken)
    {
        try
        {
            return await block.Fetch.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (block.Fetch.IsCompleted)
        {
            // The block is lost; the next read starts afresh instead of meeting the old error again.
            await ResetAsync().ConfigureAwait(false);
            throw;
        }
    }

    private void FetchAhead(long position)
    {
        while (_nextFetch - position < AheadBytes && !EndIsNear())
        {
            Fetch();
        }
    }

    private bool EndIsNear()
    {
        foreach (var block in _blocks)
        {
            if (block.Fetch.IsCompletedSuccessfully && block.Fetch.Result < block.Length)
            {
                return true;
            }

            if (block.Fetch.IsFaulted)
            {
                return true;
            }
        }

        return false;
    }

    private void Fetch()
    {
        var length = _nextBlockBytes;
        var array = ArrayPool<byte>.Shared.Rent(length);
        var fetch = file.ReadAsync(array.AsMemory(0, length), _nextFetch).AsTask();
        _blocks.Enqueue(new Block(_nextFetch, length, array, fetch));
        _nextFetch += length;
        _nextBlockBytes = Math.Min(_nextBlockBytes * 2, MaximumBlockBytes);
    }

    private readonly record struct Block(long Offset, int Length, byte[] Buffer, Task<int> Fetch);
}
