// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.KvCache;

/// <summary>One look-up of a batch.</summary>
/// <param name="key">The key.</param>
/// <param name="buffer">Receives the value; it must be large enough.</param>
public sealed class KvCacheRead(ulong key, Memory<byte> buffer)
{
    /// <summary>The key.</summary>
    public ulong Key { get; } = key;

    /// <summary>Receives the value.</summary>
    public Memory<byte> Buffer { get; } = buffer;

    /// <summary>Length of the value in bytes, or -1 when there is none. Set when the batch completes.</summary>
    public int Length { get; internal set; } = -1;

    /// <summary>Whether the key was found.</summary>
    public bool IsFound => Length >= 0;
}
