// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text;

/// <summary>What <see cref="TextFrameExtensions.Tokenize"/> adds to a frame.</summary>
public sealed record TokenizeOptions
{
    /// <summary>Name of the new column of token numbers, INTEGER[].</summary>
    public string TokensColumn { get; init; } = "tokens";

    /// <summary>Name of the new column with the number of tokens, INTEGER; null to leave it out.</summary>
    public string? CountColumn { get; init; } = "token_count";

    /// <summary>Remove the text column from the result.</summary>
    public bool DropText { get; init; } = true;
}
