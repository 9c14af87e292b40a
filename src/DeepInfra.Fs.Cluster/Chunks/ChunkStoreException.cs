// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>A chunk operation ended with a protocol status.</summary>
internal sealed class ChunkStoreException : ClusterStorageException
{
    public ChunkStoreException() { }

    public ChunkStoreException(string message)
        : base(message) { }

    public ChunkStoreException(string message, Exception innerException)
        : base(message, innerException) { }

    public ChunkStoreException(StatusCode code, string message, Exception? innerException = null)
        : base(message, innerException!)
    {
        Code = code;
    }

    /// <summary>Status that the caller of the service sees.</summary>
    public StatusCode Code { get; } = StatusCode.StorageChunkReadFailed;

    /// <summary>The index log was written but perhaps not completely: only a restart tells which state holds.</summary>
    public bool IndexUncertain { get; init; }

    /// <summary>Bytes on the disk are damaged, not those of a request.</summary>
    public bool IsDamage { get; init; }

    /// <summary>Code and message as they travel.</summary>
    public Status Status => new(Code, Message);
}
