// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text;

/// <summary>How <see cref="TextFrameExtensions.ExactDedup"/> compares and chooses.</summary>
public sealed record ExactDedupOptions
{
    /// <summary>
    /// Compare texts in Unicode form NFC, in lower case and with every run of white space as one blank.
    /// </summary>
    public bool Normalize { get; init; }

    /// <summary>
    /// Sort keys; of equal texts the first row is kept. Default: a choice that depends on the rows' content only.
    /// </summary>
    public IReadOnlyList<string> OrderBy { get; init; } = [];

    /// <summary>Partitions of the result. Default: those of the input, at least 4.</summary>
    public int? Partitions { get; init; }

    internal string NormalizedSql(string text) =>
        Normalize ? $"trim(regexp_replace(lower(nfc_normalize({text})), '\\s+', ' ', 'g'))" : text;
}
