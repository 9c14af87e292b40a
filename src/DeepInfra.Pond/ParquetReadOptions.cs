// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>How Parquet files are read.</summary>
public sealed record ParquetReadOptions
{
    /// <summary>Columns to read, in this order. Default: all.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>
    /// Match columns of several files by name: missing ones become NULL and compatible types are widened.
    /// Otherwise every file must have the columns of the first.
    /// </summary>
    public bool UnionByName { get; init; }

    /// <summary>Look into subdirectories when a path is a directory.</summary>
    public bool Recursive { get; init; }

    /// <summary>Return no rows instead of failing when no file matches; needs <see cref="Schema"/>.</summary>
    public bool AllowMissing { get; init; }

    /// <summary>Schema of an empty result under <see cref="AllowMissing"/>.</summary>
    public PondSchema? Schema { get; init; }
}
