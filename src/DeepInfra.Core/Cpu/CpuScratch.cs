// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Cpu;

/// <summary>
/// Working memory for kernels: 64-byte aligned native memory that each thread keeps for reuse, so that nothing is
/// allocated when warm. Leases of one thread must be returned in reverse order, which <c>using</c> does.
/// </summary>
/// <example>
/// <code>
/// using var scratch = CpuScratch.Rent(64 * sizeof(float));
/// var sums = new Span&lt;float&gt;(scratch.Pointer, 64);
/// </code>
/// </example>
public static unsafe class CpuScratch
{
    private const nuint SmallestBlock = 64 * 1024;

    [ThreadStatic]
    private static Arena? t_arena;

    /// <summary>Takes memory with undefined contents; every lease begins at a multiple of 64 bytes.</summary>
    /// <param name="bytes">Size, at least 0.</param>
    /// <exception cref="OutOfMemoryException">The system has no memory of this size.</exception>
    public static Lease Rent(nuint bytes) => (t_arena ??= new Arena()).Rent(bytes);

    /// <summary>A piece of working memory; dispose it on the thread that rented it.</summary>
    public readonly ref struct Lease
    {
        private readonly Arena _arena;
        private readonly int _block;
        private readonly nuint _previousUse;

        internal Lease(Arena arena, int block, nuint previousUse, byte* pointer)
        {
            _arena = arena;
            _block = block;
            _previousUse = previousUse;
            Pointer = pointer;
        }

        /// <summary>Address of the first byte, 64-byte aligned.</summary>
        public byte* Pointer { get; }

        /// <summary>Gives the memory back.</summary>
        public void Dispose() => _arena.Return(_block, _previousUse);
    }

    /// <summary>Blocks that are filled like a stack, each at least twice as large as the one before.</summary>
    internal sealed class Arena
    {
        private readonly List<(nint Address, nuint Size)> _blocks = [];
        private int _current;
        private nuint _used;

        ~Arena()
        {
            foreach (var (address, _) in _blocks)
                NativeMemory.AlignedFree((void*)address);
        }

        public Lease Rent(nuint bytes)
        {
            var size = checked(bytes + 63) & ~(nuint)63;
            var (block, previousUse) = (_current, _used);
            var (index, used) = (block, previousUse);
            while (index < _blocks.Count && _blocks[index].Size - used < size)
            {
                index++;
                used = 0;
            }
            if (index == _blocks.Count)
            {
                var last = index == 0 ? SmallestBlock / 2 : _blocks[^1].Size;
                var blockSize = Math.Max(size, 2 * last);
                _blocks.Add(((nint)NativeMemory.AlignedAlloc(blockSize, 64), blockSize));
            }
            var pointer = (byte*)_blocks[index].Address + used;
            (_current, _used) = (index, used + size);
            return new Lease(this, block, previousUse, pointer);
        }

        public void Return(int block, nuint previousUse)
        {
            _current = block;
            _used = previousUse;
        }
    }
}
