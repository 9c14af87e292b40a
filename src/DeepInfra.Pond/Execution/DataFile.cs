// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>A file, or rows in memory, or a range of either, that belongs to a partition.</summary>
internal sealed record DataFile(string Path, long Rows, long Bytes)
{
    public const long Unknown = -1;

    /// <summary>First row of the range; 0 for whole files.</summary>
    public long Begin { get; init; }

    /// <summary>End (exclusive) of the range, or <see cref="Unknown"/> for whole files.</summary>
    public long End { get; init; } = Unknown;

    /// <summary>Modification time of a source file in ticks; 0 for stored results and where nobody checks it.</summary>
    public long Modified { get; init; }

    /// <summary>The writes that a file of a written directory comes from, null for other files.</summary>
    public string? Origin { get; init; }

    /// <summary>XXH3-128 of the whole file in hexadecimal digits, when it is known.</summary>
    public string? Checksum { get; init; }

    /// <summary>The rows, when they are not in a file at all; the path then only tells them from others.</summary>
    public Interop.ArrowRows? Memory { get; init; }

    public bool IsWhole => End == Unknown;

    public DataFile Slice(long begin, long end) =>
        this with
        {
            Begin = Begin + begin,
            End = Begin + end,
            Rows = end - begin,
            Bytes = Rows > 0 ? (long)(Bytes * ((double)(end - begin) / Rows)) : Bytes,
        };
}
