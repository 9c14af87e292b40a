// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>One range of a batch of reads.</summary>
/// <param name="offset">Position in the file in bytes.</param>
/// <param name="buffer">Receives the bytes.</param>
public sealed class FileRead(long offset, Memory<byte> buffer)
{
    /// <summary>Position in the file in bytes.</summary>
    public long Offset { get; } = offset;

    /// <summary>Receives the bytes.</summary>
    public Memory<byte> Buffer { get; } = buffer;

    /// <summary>Bytes read; less than the buffer only at the end of the file. Set when the batch completes.</summary>
    public int BytesRead { get; internal set; }
}
