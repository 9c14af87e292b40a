// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text;

/// <summary>Layout of written samples.</summary>
public sealed record ShardOptions
{
    /// <summary>Tokens per sample; every row must have exactly as many.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>
    /// Store numbers as 16 bits without sign, for vocabularies of at most 65,536 tokens and sequences of at most
    /// 65,536; otherwise as 32 bits.
    /// </summary>
    public bool UInt16 { get; init; } = true;

    /// <summary>Store the position of each token in its document after the tokens.</summary>
    public bool IncludePositions { get; init; }

    /// <summary>Samples per file.</summary>
    public long SequencesPerShard { get; init; } = 65_536;

    /// <summary>What to do when the directory exists.</summary>
    public WriteMode Mode { get; init; } = WriteMode.Error;

    /// <summary>INTEGER[] column with the tokens.</summary>
    public string TokensColumn { get; init; } = "tokens";

    /// <summary>INTEGER[] column with the ends of documents, for <see cref="IncludePositions"/>.</summary>
    public string CumulativeLengthsColumn { get; init; } = "cumulative_lengths";

    /// <summary>Length of a record in bytes.</summary>
    public int RecordBytes =>
        checked(SequenceLength * (UInt16 ? 2 : 4) * (IncludePositions ? 2 : 1));

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(SequenceLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(SequencesPerShard, 1);
        if (UInt16 && IncludePositions)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(SequenceLength, 65_536);
        }
    }
}
