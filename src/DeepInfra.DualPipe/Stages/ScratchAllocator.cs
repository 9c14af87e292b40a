// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// Temporary memory for one stage call. Whatever is rented is taken back when the call returns.
/// Belongs to one rank; not thread-safe.
/// </summary>
public sealed class ScratchAllocator
{
    private const int MinimumBlockBytes = 64 * 1024;
    private readonly List<AlignedBlock> _blocks = [];
    private int _used;
    private int _capacity;

    /// <summary>Rents uninitialised, 64-byte aligned elements.</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="count">Number of elements, >= 0.</param>
    /// <returns>A span that is valid until the stage call returns.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="NotSupportedException">More than 1.75 GiB.</exception>
    public Span<T> Rent<T>(int count)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if ((long)count * Unsafe.SizeOf<T>() > AlignedBlockPool.MaximumBytes)
        {
            throw new NotSupportedException(
                $"scratch memory holds at most {AlignedBlockPool.MaximumBytes} bytes, asked for {(long)count * Unsafe.SizeOf<T>()}"
            );
        }

        var bytes = count * Unsafe.SizeOf<T>();
        var start = (_used + AlignedBlock.Alignment - 1) & ~(AlignedBlock.Alignment - 1);
        if (_blocks.Count == 0 || bytes > _capacity - start)
        {
            var capacity = Math.Max(bytes, MinimumBlockBytes);
            _blocks.Add(AlignedBlockPool.Rent(capacity));
            _capacity = capacity;
            start = 0;
        }

        _used = start + bytes;
        return MemoryMarshal.Cast<byte, T>(_blocks[^1].Span(_used)[start..]);
    }

    /// <summary>Takes everything back; keeps one block for the next call.</summary>
    internal void Reset()
    {
        if (_blocks.Count > 1)
        {
            for (var i = 0; i < _blocks.Count - 1; i++)
            {
                AlignedBlockPool.Return(_blocks[i]);
            }

            _blocks.RemoveRange(0, _blocks.Count - 1);
        }

        _used = 0;
    }

    internal void Release()
    {
        foreach (var block in _blocks)
        {
            AlignedBlockPool.Return(block);
        }

        _blocks.Clear();
        _used = _capacity = 0;
    }
}
