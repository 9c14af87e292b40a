// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>What this package can run on a device, so that a caller can decide at start-up.</summary>
public sealed record MlaCapabilities
{
    /// <summary>The device asked about.</summary>
    public required Device Device { get; init; }

    /// <summary>Name of the instruction set in use, such as <c>cpu-v512</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Cache formats that dense decode reads; empty if nothing runs.</summary>
    public required IReadOnlyList<KvCacheFormat> DecodeFormats { get; init; }

    /// <summary>Smallest and largest page size of dense decode.</summary>
    public required (int Min, int Max) PageSizes { get; init; }

    /// <summary>Smallest and largest number of query heads.</summary>
    public required (int Min, int Max) QueryHeads { get; init; }

    /// <summary>True if dense prefill runs.</summary>
    public required bool PrefillDense { get; init; }

    /// <summary>True if the backward pass of dense prefill runs.</summary>
    public required bool PrefillDenseBackward { get; init; }

    /// <summary>True if sparse decode and sparse prefill run.</summary>
    public required bool Sparse { get; init; }

    /// <summary>Why nothing runs; null if something does.</summary>
    public string? Reason { get; init; }
}
