// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>Size and limits of a <see cref="ThroughputBuffer"/>; equal on all ranks. Immutable.</summary>
public sealed record ThroughputBufferOptions
{
    /// <summary>Most tokens that one rank dispatches in one call; at least 1.</summary>
    public required int MaxTokensPerRank { get; init; }

    /// <summary>Largest number of elements in a row; rows must be a multiple of 16 bytes.</summary>
    public required int Hidden { get; init; }

    /// <summary>
    /// The widest element type that rows will have. FP8 rows with scale factors always fit where BFloat16 rows
    /// of the same hidden size fit.
    /// </summary>
    public DType LargestElement { get; init; } = DType.BFloat16;

    /// <summary>Most selections per token, 1 to 32.</summary>
    public int MaxTopK { get; init; } = 32;

    /// <summary>How long an operation waits for another rank before it fails.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(100);

    internal void Validate(int ranks)
    {
        Require(MaxTokensPerRank >= 1, nameof(MaxTokensPerRank), "a value >= 1", MaxTokensPerRank);
        Engine.Validation.RequireIndexable(ranks, MaxTokensPerRank, "options.MaxTokensPerRank");
        Require(Hidden >= 1, nameof(Hidden), "a value >= 1", Hidden);
        Require(
            MaxTopK is >= 1 and <= ThroughputBuffer.MaxTopK,
            nameof(MaxTopK),
            $"1 to {ThroughputBuffer.MaxTopK}",
            MaxTopK
        );
        Require(Timeout > TimeSpan.Zero, nameof(Timeout), "a positive time", Timeout);
        Require(
            Enum.IsDefined(LargestElement) && LargestElement != DType.Float4E2M1,
            nameof(LargestElement),
            "an element type that tensors hold",
            LargestElement
        );
    }

    private static void Require(bool condition, string name, string expected, object actual)
    {
        if (!condition)
            throw new ArgumentOutOfRangeException(
                name,
                $"options.{name}: expected {expected}, got {actual}"
            );
    }
}
