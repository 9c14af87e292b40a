// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>A chunk's committed state, kept readable until the lease is disposed.</summary>
internal readonly struct ChunkLease(ChunkTarget target, ChunkRecord record, ChunkBlock block)
    : IDisposable
{
    /// <summary>The state that a read sees.</summary>
    public ChunkRecord Record { get; } = record;

    /// <summary>The block that holds its bytes.</summary>
    public ChunkBlock Block { get; } = block;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Block.Release())
        {
            target.FreeBlock(Block);
        }
    }
}
