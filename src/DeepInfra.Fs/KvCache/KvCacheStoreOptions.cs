// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.KvCache;

/// <summary>Settings of a <see cref="KvCacheStore"/>.</summary>
public sealed record KvCacheStoreOptions
{
    /// <summary>Values shorter than this many bytes are packed together into segment files.</summary>
    public int PackBelowBytes { get; init; } = 64 << 10;

    /// <summary>Bytes of packed values that are gathered in memory before they are written as one segment.</summary>
    public int SegmentBytes { get; init; } = 4 << 20;

    /// <summary>Files that a batch reads or writes at the same time.</summary>
    public int Parallelism { get; init; } = 16;

    /// <summary>How often, at most, a miss looks for segments that other processes have written.</summary>
    public TimeSpan RefreshInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Source of time for expiry.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(PackBelowBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Parallelism);
        ArgumentOutOfRangeException.ThrowIfLessThan(SegmentBytes, PackBelowBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(SegmentBytes, 64 << 20);
    }
}
