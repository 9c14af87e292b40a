// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text;

/// <summary>How <see cref="TextFrameExtensions.NearDedup"/> finds near duplicates.</summary>
public sealed record NearDedupOptions
{
    /// <summary>Column with a unique, non-NULL identifier of each document, BIGINT or VARCHAR.</summary>
    public required string IdColumn { get; init; }

    /// <summary>VARCHAR column with the text.</summary>
    public required string TextColumn { get; init; }

    /// <summary>Words per shingle.</summary>
    public int ShingleWords { get; init; } = 5;

    /// <summary>Characters per shingle; when set, shingles are runs of characters instead of words.</summary>
    public int? ShingleCharacters { get; init; }

    /// <summary>Compare without regard to case.</summary>
    public bool IgnoreCase { get; init; } = true;

    /// <summary>
    /// Bands of the signature. Documents that agree in one band are candidates: with 14 bands of 8 rows, half of all
    /// pairs with a Jaccard similarity of 0.72 become candidates.
    /// </summary>
    public int Bands { get; init; } = 14;

    /// <summary>Hash values per band.</summary>
    public int RowsPerBand { get; init; } = 8;

    /// <summary>Seed of the hash functions.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Compute the exact Jaccard similarity of candidates and drop those below <see cref="Threshold"/>.</summary>
    public bool Verify { get; init; } = true;

    /// <summary>Least Jaccard similarity of shingle sets, for <see cref="Verify"/>.</summary>
    public double Threshold { get; init; } = 0.8;

    /// <summary>
    /// Largest group of documents with one band value of which all pairs are candidates. In larger groups every
    /// document is only compared with the one of the smallest identifier; such groups are counted in the
    /// observation <c>hot_bands</c>.
    /// </summary>
    public int HotBandMembers { get; init; } = 200;

    /// <summary>Partitions of the intermediate steps. Default: those of the input, at least 4.</summary>
    public int? Partitions { get; init; }

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(IdColumn);
        ArgumentException.ThrowIfNullOrWhiteSpace(TextColumn);
        ArgumentOutOfRangeException.ThrowIfLessThan(ShingleWords, 1);
        if (ShingleCharacters is { } characters)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(characters, 1, nameof(ShingleCharacters));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(Bands, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(RowsPerBand, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(HotBandMembers, 2);
        if (Threshold is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(Threshold),
                Threshold,
                "Threshold: expected 0 to 1."
            );
        }
    }
}
