// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>Makes routing tables for tests and benchmarks: random gates with optional skew, groups and missing selections.</summary>
/// <param name="experts">Number of experts E.</param>
/// <param name="topK">Selections per token K, at most E.</param>
/// <param name="seed">The same seed gives the same tables.</param>
public sealed class RoutingGenerator(int experts, int topK, int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>0: all experts are equally likely; s: expert i has weight 1/(i+1)^s (Zipf).</summary>
    public double Skew { get; init; }

    /// <summary>Number of equal expert groups, a divisor of E; with <see cref="TopGroups"/> below it a token uses experts of some groups only.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Groups per token, those with the largest sum of their two best scores.</summary>
    public int TopGroups { get; init; } = 1;

    /// <summary>Probability that a selection is missing (-1).</summary>
    public double MissingRatio { get; init; }

    /// <summary>Draws a routing table.</summary>
    /// <param name="tokens">Number of tokens T.</param>
    /// <returns>Int64 [T,K], distinct experts by descending score, and Float32 [T,K] weights that sum to 1 per token before selections go missing.</returns>
    /// <exception cref="ArgumentException">K exceeds the experts of the selected groups, or the groups do not divide E.</exception>
    public (Tensor<long> TopkIdx, Tensor<float> TopkWeights) Next(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        var groupSize = Groups >= 1 && experts % Groups == 0 ? experts / Groups : 0;
        if (groupSize == 0 || TopGroups < 1 || TopGroups > Groups)
            throw new ArgumentException(
                $"Groups, TopGroups: expected a divisor of {experts} and at most as many, got {Groups} and {TopGroups}"
            );
        if (topK < 1 || topK > groupSize * TopGroups)
            throw new ArgumentException($"topK: expected 1 to {groupSize * TopGroups}, got {topK}");
        var topkIdx = Tensor<long>.Create([tokens, topK]);
        var topkWeights = Tensor<float>.Create([tokens, topK]);
        var scores = new double[experts];
        for (var token = 0; token < tokens; token++)
        {
            Score(scores);
            DropGroups(scores, groupSize);
            Select(scores, topkIdx, topkWeights, token);
        }
        return (topkIdx, topkWeights);
    }

    // Gumbel noise on log weights: taking the K largest draws K experts without replacement.
    private void Score(double[] scores)
    {
        for (var expert = 0; expert < experts; expert++)
            scores[expert] =
                -Skew * Math.Log(expert + 1)
                - Math.Log(-Math.Log(Math.Max(_random.NextDouble(), 1e-300)));
    }

    private void DropGroups(double[] scores, int groupSize)
    {
        if (TopGroups == Groups)
            return;
        var kept = Enumerable
            .Range(0, Groups)
            .OrderByDescending(group =>
                scores.Skip(group * groupSize).Take(groupSize).OrderDescending().Take(2).Sum()
            )
            .Take(TopGroups)
            .ToHashSet();
        for (var expert = 0; expert < experts; expert++)
            if (!kept.Contains(expert / groupSize))
                scores[expert] = double.NegativeInfinity;
    }

    private void Select(double[] scores, Tensor<long> topkIdx, Tensor<float> topkWeights, int token)
    {
        double total = 0;
        for (var k = 0; k < topK; k++)
        {
            var best = 0;
            for (var expert = 1; expert < experts; expert++)
                if (scores[expert] > scores[best])
                    best = expert;
            scores[best] = double.NegativeInfinity;
            topkIdx[token, k] = best;
            var weight = 0.1 + _random.NextDouble();
            topkWeights[token, k] = (float)weight;
            total += weight;
        }
        for (var k = 0; k < topK; k++)
        {
            topkWeights[token, k] /= (float)total;
            if (_random.NextDouble() < MissingRatio)
                topkIdx[token, k] = -1;
        }
    }
}
