// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>The token table of the first stage.</summary>
internal sealed class Embedding(ModelConfig config, ParameterSet parameters)
{
    private readonly Parameter _table = parameters.Add(
        "embedding",
        [config.Vocabulary, config.Width],
        0.5f
    );

    public Tensor<float> Forward(Arena arena, ReadOnlySpan<int> tokens)
    {
        var x = arena.Rent(tokens.Length, config.Width);
        for (var t = 0; t < tokens.Length; t++)
            _table.Value.AsView().Row(tokens[t]).CopyTo(x.AsView().Row(t));
        return x;
    }

    public void Backward(ReadOnlySpan<int> tokens, Tensor<float> dx, int expertRank)
    {
        var gradient = _table.Gradient(expertRank);
        for (var t = 0; t < tokens.Length; t++)
            VectorMath.Add(gradient.AsView().Row(tokens[t]), dx.AsView().Row(t));
    }
}
