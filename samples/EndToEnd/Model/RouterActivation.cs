// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>The routing table of one micro-batch on one expert rank.</summary>
internal sealed class RouterActivation : IDisposable
{
    /// <summary>[T,E] sigmoid scores.</summary>
    public float[] Scores { get; set; } = [];

    /// <summary>[T,K] expert ids.</summary>
    public Tensor<long> Chosen { get; set; } = null!;

    /// <summary>[T,K] normalised weights.</summary>
    public Tensor<float> Weights { get; set; } = null!;

    public int Tokens => (int)Chosen.Shape[0];

    public ReadOnlySpan<float> ScoresOf(int token)
    {
        var experts = Scores.Length / Tokens;
        return Scores.AsSpan(token * experts, experts);
    }

    public int[] ChosenBy(int token) =>
        Array.ConvertAll(Chosen.AsView().Row(token).ToArray(), e => (int)e);

    public void Dispose()
    {
        Chosen?.Dispose();
        Weights?.Dispose();
    }
}
