// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// Hands out the blocks of one target. Which blocks are in use is not stored: it follows from the index
/// and is rebuilt when the target is opened, so it cannot disagree with it.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class BlockAllocator
{
    // Freed blocks up to this many bytes per class keep their disk space for the next write; the space
    // of the others is given back to the file system.
    private const long WarmBytes = 64L << 20;

    private readonly Lock _lock = new();
    private readonly SizeClass[] _classes;
    private readonly SpaceGuard _space;
    private readonly DataFiles _files;

    public BlockAllocator(SpaceGuard space, DataFiles files)
    {
        _space = space;
        _files = files;
        _classes = new SizeClass[BlockAddress.MaxSizeLog2 - BlockAddress.MinSizeLog2 + 1];
        for (var i = 0; i < _classes.Length; i++)
        {
            _classes[i] = new SizeClass();
        }
    }

    /// <summary>Bytes of all blocks in use.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Takes a block of the class, or fails when the disk or the quota is full.</summary>
    /// <exception cref="ChunkStoreException">With <see cref="StatusCode.StorageClientNoSpace"/>.</exception>
    public BlockAddress Allocate(byte sizeLog2)
    {
        _space.Reserve(1L << sizeLog2);
        lock (_lock)
        {
            UsedBytes += 1L << sizeLog2;
            var sizes = _classes[sizeLog2 - BlockAddress.MinSizeLog2];
            if (sizes.Warm.TryPop(out var index) || sizes.Cold.TryPop(out index))
            {
                return new BlockAddress(sizeLog2, index);
            }
            return new BlockAddress(sizeLog2, sizes.Next++);
        }
    }

    /// <summary>Returns a block that nothing refers to any more.</summary>
    public void Free(BlockAddress block)
    {
        _space.Release(block.Size);
        bool keep;
        var sizes = _classes[block.SizeLog2 - BlockAddress.MinSizeLog2];
        lock (_lock)
        {
            UsedBytes -= block.Size;
            keep = (sizes.Warm.Count + 1) * block.Size <= WarmBytes;
            if (keep)
            {
                sizes.Warm.Push(block.Index);
            }
        }
        if (keep)
        {
            return;
        }
        _files.PunchHole(block);
        lock (_lock)
        {
            sizes.Cold.Push(block.Index);
        }
    }

    /// <summary>Marks the blocks found in the index as used. Called once, before any allocation.</summary>
    /// <exception cref="ClusterStorageException">Two chunks claim one block.</exception>
    public void Rebuild(IEnumerable<BlockAddress> used)
    {
        foreach (var group in used.GroupBy(b => b.SizeLog2))
        {
            var indexes = group.Select(b => b.Index).Order().ToArray();
            var sizes = _classes[group.Key - BlockAddress.MinSizeLog2];
            for (var i = 0; i < indexes.Length; i++)
            {
                if (i > 0 && indexes[i] == indexes[i - 1])
                {
                    throw new ClusterStorageException(
                        $"block {indexes[i]} of class {1L << group.Key} is claimed by two chunks"
                    );
                }
                for (; sizes.Next < indexes[i]; sizes.Next++)
                {
                    sizes.Warm.Push(sizes.Next);
                }
                sizes.Next = indexes[i] + 1;
            }
            UsedBytes += indexes.LongLength << group.Key;
        }
        _space.Restore(UsedBytes);
    }

    private sealed class SizeClass
    {
        public Stack<uint> Warm { get; } = new();

        public Stack<uint> Cold { get; } = new();

        public uint Next { get; set; }
    }
}
