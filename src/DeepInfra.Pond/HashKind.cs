// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Hash that assigns rows to partitions.</summary>
public enum HashKind
{
    /// <summary>
    /// DuckDB's <c>hash</c> of the key columns' text, joined by <c>##</c>, modulo the partition count.
    /// NULLs are skipped. Values may change between DuckDB versions.
    /// </summary>
    DuckDb,

    /// <summary>XXH3 64-bit, seed 0, of the same text in UTF-8: stable for ever, slower.</summary>
    XxHash3,
}
