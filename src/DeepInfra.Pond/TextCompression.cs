// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Compression of written text files.</summary>
public enum TextCompression
{
    /// <summary>None.</summary>
    None,

    /// <summary>gzip, file ending <c>.gz</c>.</summary>
    Gzip,

    /// <summary>Zstandard, file ending <c>.zst</c>.</summary>
    Zstd,
}
