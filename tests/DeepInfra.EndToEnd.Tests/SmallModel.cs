// SPDX-License-Identifier: MIT
using EndToEnd;
using EndToEnd.Model;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>The least that goes through every phase: half the heads, experts and rows of the demo's model, and four steps.</summary>
internal static class SmallModel
{
    public static RunOptions Options { get; } =
        new()
        {
            Tokens = 1,
            Model = new ModelConfig
            {
                Heads = 1,
                ExpertWidth = 128,
                SequencesPerRank = 1,
            },
        };
}
