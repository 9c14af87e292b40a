// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.KvCache;

/// <summary>A value to store.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The value; it must not change until the operation completes.</param>
/// <param name="TimeToLive">How long the value is kept; null keeps it until it is evicted.</param>
public readonly record struct KvCacheItem(
    ulong Key,
    ReadOnlyMemory<byte> Value,
    TimeSpan? TimeToLive = null
);
