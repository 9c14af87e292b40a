// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>A target of this node: its chunks, its settings and its place in its chain.</summary>
internal sealed class LocalTarget(ChunkTarget chunks, TargetSettings settings) : IDisposable
{
    /// <summary>The chunks.</summary>
    public ChunkTarget Chunks { get; } = chunks;

    /// <summary>Stored settings.</summary>
    public TargetSettings Settings { get; set; } = settings;

    /// <summary>Target id.</summary>
    public ulong Id => Settings.TargetId;

    /// <summary>State that heartbeats report.</summary>
    public LocalTargetState LocalState { get; set; } =
        settings.Offline ? LocalTargetState.Offline : LocalTargetState.Online;

    /// <inheritdoc/>
    public void Dispose() => Chunks.Dispose();
}

/// <summary>What this node knows of one chain, as of one routing version.</summary>
/// <param name="Target">The member of the chain on this node.</param>
/// <param name="Chain">The chain.</param>
/// <param name="PublicState">Public state of the member.</param>
/// <param name="IsHead">Whether updates of clients come here.</param>
/// <param name="IsTail">Whether there is no serving member behind this one.</param>
/// <param name="Successor">The member behind this one that serves or is brought up to date, or null.</param>
internal sealed record ChainView(
    LocalTarget Target,
    ChainInfo Chain,
    PublicTargetState PublicState,
    bool IsHead,
    bool IsTail,
    ulong? Successor
);
