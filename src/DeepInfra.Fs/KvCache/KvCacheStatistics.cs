// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.KvCache;

/// <summary>What a store has done since it was opened.</summary>
/// <param name="BytesPut">Bytes of values stored.</param>
/// <param name="BytesFetched">Bytes of values returned.</param>
/// <param name="BytesEvicted">Bytes of values evicted.</param>
/// <param name="Hits">Look-ups that found their key.</param>
/// <param name="Misses">Look-ups that did not.</param>
/// <param name="Damaged">Values that failed their checksum; they count as misses and are removed.</param>
public sealed record KvCacheStatistics(
    long BytesPut,
    long BytesFetched,
    long BytesEvicted,
    long Hits,
    long Misses,
    long Damaged
);
