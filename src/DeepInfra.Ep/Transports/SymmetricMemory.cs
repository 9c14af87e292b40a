// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Transports;

/// <summary>One allocation of equal size on every rank, zeroed at the start.</summary>
internal abstract unsafe class SymmetricMemory : IDisposable
{
    /// <summary>Bytes on each rank.</summary>
    public abstract long Bytes { get; }

    /// <summary>This rank's part, 64-byte aligned.</summary>
    public abstract byte* Local { get; }

    /// <summary>A peer's part in this process' address space, or null if it can only be reached by put and get.</summary>
    /// <param name="rank">The peer.</param>
    public abstract byte* Peer(int rank);

    /// <summary>
    /// One object per rank that all ranks of a shared address space see; null elsewhere. Publish with
    /// <see cref="Volatile"/> writes before the signal that announces it.
    /// </summary>
    public abstract object?[]? Board { get; }

    /// <inheritdoc/>
    public abstract void Dispose();
}
