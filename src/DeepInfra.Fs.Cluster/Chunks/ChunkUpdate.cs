// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>One change of one chunk.</summary>
internal readonly record struct ChunkUpdate
{
    /// <summary>The chunk.</summary>
    public required ChunkId Id { get; init; }

    /// <summary>What to do.</summary>
    public required UpdateType Type { get; init; }

    /// <summary>First byte written (write only).</summary>
    public uint Offset { get; init; }

    /// <summary>Bytes written, or the new length of a truncate or extend.</summary>
    public uint Length { get; init; }

    /// <summary>Size of the chunk; must match an existing chunk.</summary>
    public uint ChunkSize { get; init; }

    /// <summary>Bytes of a write.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Checksum of <see cref="Data"/> in message form, when the sender gave one.</summary>
    public uint? Checksum { get; init; }

    /// <summary>Version to reach; 0 lets the head choose the next one.</summary>
    public uint Version { get; init; }

    /// <summary>Whole-chunk copy to a recovering replica: replaces whatever is there.</summary>
    public bool IsSyncing { get; init; }

    /// <summary>Refuse to create a chunk (low space).</summary>
    public bool RejectCreate { get; init; }

    /// <summary>Version of the chain under which the sender acts.</summary>
    public uint ChainVersion { get; init; }

    /// <summary>Client that asked for it.</summary>
    public Guid Client { get; init; }

    /// <summary>Request that asked for it.</summary>
    public ulong RequestId { get; init; }
}
