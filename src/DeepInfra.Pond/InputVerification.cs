// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>How input files are checked before a task uses them.</summary>
public enum InputVerification
{
    /// <summary>No check.</summary>
    Never,

    /// <summary>
    /// Size, and for source files the modification time, must be what planning saw. A file that is written
    /// again with the same size within one tick of the file system's clock (up to 10 ms on Linux) looks
    /// unchanged, in a run and to <see cref="PondOptions.JobId">a resumed job</see>; files that Pond itself
    /// wrote are told apart by their manifest.
    /// </summary>
    Size,

    /// <summary>
    /// In addition an XXH3 128-bit checksum of every intermediate and final file is stored and compared
    /// before use. DuckDB writes pages without checksums, so only this finds flipped bytes.
    /// </summary>
    Checksum,
}
