// SPDX-License-Identifier: MIT
using EndToEnd.Model;

namespace EndToEnd;

/// <summary>What the command line decides.</summary>
internal sealed record RunOptions
{
    /// <summary>From this many tokens on the validation loss has to be well below the entropy of single tokens.</summary>
    public const int LossTargetTokens = 300_000;

    /// <summary>A folder of .txt, .jsonl(.gz) or .parquet files; null means the shipped corpus.</summary>
    public string? Input { get; init; }

    /// <summary>Tokens to train on; the last step is rounded up.</summary>
    public int Tokens { get; init; } = 300_000;

    public string Report { get; init; } = "artifacts/end-to-end/report.html";

    /// <summary>Where the embedded cluster keeps its data until the next run on it; a temporary folder that is removed if null.</summary>
    public string? Data { get; init; }

    public int Seed { get; init; } = 20_260_101;

    /// <summary>Sizes of the model; not on the command line, as the verdicts are about this one.</summary>
    public ModelConfig Model { get; init; } = new();
}
