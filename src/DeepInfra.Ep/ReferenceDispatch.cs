// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>What <see cref="ReferenceExpertParallel"/> says that one rank receives.</summary>
public sealed class ReferenceDispatch
{
    internal ReferenceDispatch(
        Tensor x,
        Tensor? scaleFactors,
        Tensor<long>? topkIdx,
        Tensor<float>? topkWeights,
        IReadOnlyList<(int Rank, int Token)> sources,
        IReadOnlyList<int> tokensPerExpert,
        int tokenCount
    )
    {
        X = x;
        ScaleFactors = scaleFactors;
        TopkIdx = topkIdx;
        TopkWeights = topkWeights;
        Sources = sources;
        TokensPerExpert = tokensPerExpert;
        TokenCount = tokenCount;
    }

    /// <summary>[N,H]: received rows.</summary>
    public Tensor X { get; }

    /// <summary>[N,packs]: their scale factors, or null.</summary>
    public Tensor? ScaleFactors { get; }

    /// <summary>[N,K]: local expert ids or -1; null without routing tables.</summary>
    public Tensor<long>? TopkIdx { get; }

    /// <summary>[N,K]: weights or 0; null without routing tables.</summary>
    public Tensor<float>? TopkWeights { get; }

    /// <summary>[N]: source rank and token of each row.</summary>
    public IReadOnlyList<(int Rank, int Token)> Sources { get; }

    /// <summary>[L]: aligned selections per local expert.</summary>
    public IReadOnlyList<int> TokensPerExpert { get; }

    /// <summary>Tokens that this rank sent.</summary>
    public int TokenCount { get; }
}
