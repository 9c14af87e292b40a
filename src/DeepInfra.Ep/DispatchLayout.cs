// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>Where the tokens of one rank go. Computed locally, the same for the same routing table.</summary>
public sealed class DispatchLayout : IDisposable
{
    internal DispatchLayout(
        Tensor<int> tokensPerRank,
        Tensor<int>? tokensPerDomain,
        Tensor<int> tokensPerExpert,
        Tensor<bool> isTokenInRank
    )
    {
        TokensPerRank = tokensPerRank;
        TokensPerDomain = tokensPerDomain;
        TokensPerExpert = tokensPerExpert;
        IsTokenInRank = isTokenInRank;
    }

    /// <summary>[R]: tokens with at least one selection on the rank, each counted once.</summary>
    public Tensor<int> TokensPerRank { get; }

    /// <summary>[S]: tokens with at least one selection in the domain, each counted once; null if there is one domain.</summary>
    public Tensor<int>? TokensPerDomain { get; }

    /// <summary>[E]: selections of each expert.</summary>
    public Tensor<int> TokensPerExpert { get; }

    /// <summary>[T,R]: whether a token goes to a rank.</summary>
    public Tensor<bool> IsTokenInRank { get; }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        TokensPerRank.Dispose();
        TokensPerDomain?.Dispose();
        TokensPerExpert.Dispose();
        IsTokenInRank.Dispose();
    }
}
