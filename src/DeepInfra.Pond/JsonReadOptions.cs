// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>How files with one JSON object per line are read; .gz and .zst files are decompressed.</summary>
public sealed record JsonReadOptions
{
    /// <summary>Largest object in bytes. Each reading thread holds a buffer of twice this size.</summary>
    public int MaxObjectBytes { get; init; } = 16 << 20;

    /// <summary>What to do with lines that cannot be parsed.</summary>
    public BadRowPolicy BadRows { get; init; } = BadRowPolicy.Fail;

    /// <summary>Most bad lines per file under <see cref="BadRowPolicy.Quarantine"/>; more fail the task.</summary>
    public long MaxBadRows { get; init; } = long.MaxValue;

    /// <summary>Return no rows instead of failing when no file matches; needs a schema.</summary>
    public bool AllowMissing { get; init; }
}
