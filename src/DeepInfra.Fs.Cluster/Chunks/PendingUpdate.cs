// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// An update whose bytes are on disk but which no reader sees yet. The chunk stays locked for other
/// updates until it is committed or aborted; between the two a chain forwards it to the next replica.
/// </summary>
internal sealed class PendingUpdate(ChunkSlot slot, ChunkUpdate update)
{
    /// <summary>The chunk.</summary>
    public ChunkSlot Slot { get; } = slot;

    /// <summary>What was asked for.</summary>
    public ChunkUpdate Update { get; } = update;

    /// <summary>Version that the commit will make current.</summary>
    public uint Version { get; init; }

    /// <summary>State after the commit; null when the chunk disappears.</summary>
    public ChunkRecord? Record { get; set; }

    /// <summary>Block of <see cref="Record"/>.</summary>
    public ChunkBlock? Block { get; set; }

    /// <summary>Whether <see cref="Block"/> was allocated for this update.</summary>
    public bool OwnsBlock { get; set; }

    /// <summary>Bytes that a durable commit must flush; null when none were written.</summary>
    public WrittenBytes? Written { get; set; }

    /// <summary>Whether there is anything to record (removing a missing chunk has nothing).</summary>
    public bool IsNoop { get; init; }
}
