// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// A block in use. The chunk's current record holds one reference and so does every read in progress; the
/// block is handed out again only when nobody can be reading it.
/// </summary>
internal sealed class ChunkBlock(BlockAddress address, uint highWater)
{
    private int _references = 1;

    /// <summary>Where the bytes are.</summary>
    public BlockAddress Address { get; } = address;

    /// <summary>
    /// Bytes at the start that some record may refer to; only what lies behind may be written in place.
    /// Changed under the chunk's update lock.
    /// </summary>
    public uint HighWater { get; set; } = highWater;

    /// <summary>Takes a reference. The caller knows that another one exists.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Drops a reference; true when it was the last one.</summary>
    public bool Release() => Interlocked.Decrement(ref _references) == 0;

    /// <summary>Whether the only reference is that of the current record.</summary>
    public bool IsIdle => Volatile.Read(ref _references) == 1;
}
