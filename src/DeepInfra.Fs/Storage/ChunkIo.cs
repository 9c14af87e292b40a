// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

/// <summary>One range of a chunk to read, and its outcome.</summary>
internal struct ChunkRead
{
    public uint ChainId;
    public ChunkId Chunk;

    /// <summary>Position in the chunk.</summary>
    public uint Offset;

    /// <summary>Receives the bytes; its length is the length of the range.</summary>
    public Memory<byte> Buffer;

    /// <summary>OK, or the storage client's code for the last failure.</summary>
    public Status Status;

    /// <summary>Bytes read; less than asked where the chunk ends early.</summary>
    public int BytesRead;

    /// <summary>Whether the status is final.</summary>
    public bool IsDone;

    /// <summary>Target of the present or last attempt.</summary>
    public ulong TargetId;

    /// <summary>Targets that failed in this operation.</summary>
    public List<ulong>? Avoided;
}

/// <summary>One range of a chunk to write, and its outcome.</summary>
internal struct ChunkWrite
{
    public uint ChainId;
    public ChunkId Chunk;
    public uint ChunkSize;

    /// <summary>Position in the chunk.</summary>
    public uint Offset;

    public ReadOnlyMemory<byte> Data;

    /// <summary>OK, or the storage client's code for the last failure.</summary>
    public Status Status;
}
