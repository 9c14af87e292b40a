// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>How input files are checked before a task uses them.</summary>
public enum InputVerification
{
    /// <summary>No check.</summary>
    Never,

    /// <summary>Size, and for source files the modification time, must be what planning saw.</summary>
    Size,

    /// <summary>
    /// In addition an XXH3 128-bit checksum of every intermediate and final file is stored and compared
    /// before use. DuckDB writes pages without checksums, so only this finds flipped bytes.
    /// </summary>
    Checksum,
}
