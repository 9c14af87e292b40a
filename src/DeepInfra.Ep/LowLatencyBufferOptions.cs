// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>Size and limits of a <see cref="LowLatencyBuffer"/>; equal on all ranks. Immutable.</summary>
public sealed record LowLatencyBufferOptions
{
    /// <summary>Most tokens M that one rank dispatches in one call; memory grows with it, decode batches of up to 256 are usual.</summary>
    public required int MaxTokensPerRank { get; init; }

    /// <summary>Row length H: a multiple of 8; of 128 for FP8 formats; of 512 for packed scales and LogFMT.</summary>
    public required int Hidden { get; init; }

    /// <summary>Number of experts E, a multiple of the number of ranks.</summary>
    public required int Experts { get; init; }

    /// <summary>
    /// True: a rank that does not come in time, or leaves, is masked and left out from then on; false: the
    /// operation fails.
    /// </summary>
    public bool EnableRankMask { get; init; }

    /// <summary>How long an operation waits for another rank.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(100);

    internal void Validate(int ranks)
    {
        if (MaxTokensPerRank < 1)
            throw Wrong(nameof(MaxTokensPerRank), "a value >= 1", MaxTokensPerRank);
        Engine.Validation.RequireIndexable(ranks, MaxTokensPerRank, "options.MaxTokensPerRank");
        if (Hidden < 8 || Hidden % 8 != 0)
            throw Wrong(nameof(Hidden), "a multiple of 8 (rows of 16 bytes)", Hidden);
        if (Timeout <= TimeSpan.Zero)
            throw Wrong(nameof(Timeout), "a positive time", Timeout);
        Engine.Validation.RequireExperts(Experts, ranks, "options.Experts");
    }

    private static ArgumentOutOfRangeException Wrong(string name, string expected, object actual) =>
        new(name, $"options.{name}: expected {expected}, got {actual}");
}
