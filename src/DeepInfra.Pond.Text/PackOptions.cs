// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text;

/// <summary>How token lists become samples of one length.</summary>
public sealed record PackOptions
{
    /// <summary>Tokens per sample.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Token put after each document; null for none.</summary>
    public int? EosId { get; init; }

    /// <summary>Token put before each document; null for none.</summary>
    public int? BosId { get; init; }

    /// <summary>Layout.</summary>
    public PackMode Mode { get; init; } = PackMode.ConcatAndChunk;

    /// <summary>
    /// Token that fills the rest of a sample. Null: with <see cref="PackMode.ConcatAndChunk"/> the rest at the end of
    /// a partition is dropped and counted; <see cref="PackMode.BestFitDecreasing"/> needs it.
    /// </summary>
    public int? PadId { get; init; }

    /// <summary>Leave out documents longer than a sample instead of cutting them (best fit only).</summary>
    public bool DropLongDocuments { get; init; }

    /// <summary>Documents that best fit looks at together; bounds its memory.</summary>
    public int WindowDocuments { get; init; } = 100_000;

    /// <summary>INTEGER[] column with the tokens of a document.</summary>
    public string TokensColumn { get; init; } = "tokens";

    /// <summary>
    /// Column that identifies documents, BIGINT or VARCHAR; the result lists the documents of each sample. Null to
    /// leave them out.
    /// </summary>
    public string? DocumentIdColumn { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(SequenceLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(WindowDocuments, 1);
        ArgumentException.ThrowIfNullOrWhiteSpace(TokensColumn);
        if (Mode == PackMode.BestFitDecreasing && PadId is null)
        {
            throw new ArgumentException(
                "PadId: expected a token for PackMode.BestFitDecreasing, got null."
            );
        }

        if (Mode == PackMode.ConcatAndChunk && DropLongDocuments)
        {
            throw new ArgumentException(
                "DropLongDocuments: expected false for PackMode.ConcatAndChunk, which cuts every document."
            );
        }
    }
}
