// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>
/// Hands out the blocks of a paged cache: a free list with constant-time operations and a reference count per block, so
/// that sequences can share a prefix. Knows nothing about block contents. Thread-safe.
/// </summary>
public sealed class BlockAllocator
{
    private readonly Lock _lock = new();
    private readonly int[] _free;
    private readonly int[] _references;
    private int _freeCount;

    /// <summary>Creates an allocator with all blocks free.</summary>
    /// <param name="blockCount">Number of blocks, at least 0.</param>
    public BlockAllocator(int blockCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(blockCount);
        _references = new int[blockCount];
        _free = new int[blockCount];
        // Low numbers first: a lightly used cache touches little memory.
        for (var i = 0; i < blockCount; i++)
            _free[i] = blockCount - 1 - i;
        _freeCount = blockCount;
    }

    /// <summary>Number of blocks.</summary>
    public int BlockCount => _references.Length;

    /// <summary>Blocks that nobody references.</summary>
    public int FreeBlocks
    {
        get
        {
            lock (_lock)
                return _freeCount;
        }
    }

    /// <summary>Blocks with at least one reference.</summary>
    public int UsedBlocks => BlockCount - FreeBlocks;

    /// <summary>Takes free blocks, each with one reference: all that were asked for, or none.</summary>
    /// <param name="blocks">Receives the block numbers; its length is how many are wanted.</param>
    /// <returns>False if fewer are free; nothing was taken then.</returns>
    public bool TryReserve(Span<int> blocks)
    {
        lock (_lock)
        {
            if (blocks.Length > _freeCount)
                return false;
            for (var i = 0; i < blocks.Length; i++)
            {
                blocks[i] = _free[--_freeCount];
                _references[blocks[i]] = 1;
            }
            return true;
        }
    }

    /// <summary>References to a block; 0 if it is free.</summary>
    /// <param name="block">A block number.</param>
    /// <exception cref="BlockOwnershipException">The allocator has no such block.</exception>
    public int ReferenceCount(int block)
    {
        RequireKnown(block);
        lock (_lock)
            return _references[block];
    }

    /// <summary>Adds a reference to a used block.</summary>
    /// <param name="block">A block number.</param>
    /// <exception cref="BlockOwnershipException">The block is free or unknown.</exception>
    public void AddReference(int block)
    {
        RequireKnown(block);
        lock (_lock)
        {
            if (_references[block] == 0)
                throw new BlockOwnershipException($"Block {block} is free and cannot be shared.");
            _references[block]++;
        }
    }

    /// <summary>Drops a reference; the last one frees the block.</summary>
    /// <param name="block">A block number.</param>
    /// <returns>True if the block became free.</returns>
    /// <exception cref="BlockOwnershipException">The block is already free, or unknown.</exception>
    public bool Release(int block)
    {
        RequireKnown(block);
        lock (_lock)
        {
            if (_references[block] == 0)
                throw new BlockOwnershipException($"Block {block} was freed twice.");
            if (--_references[block] > 0)
                return false;
            _free[_freeCount++] = block;
            return true;
        }
    }

    private void RequireKnown(int block)
    {
        if ((uint)block >= (uint)_references.Length)
            throw new BlockOwnershipException(
                $"Block {block} does not belong to this allocator of {_references.Length} blocks."
            );
    }
}
