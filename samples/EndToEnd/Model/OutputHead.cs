// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>Final norm and projection to the vocabulary, in BF16 as large models do.</summary>
internal sealed class OutputHead : IDisposable
{
    private readonly ModelConfig _config;
    private readonly RmsNorm _norm;
    private readonly Bf16Linear _projection;

    public OutputHead(ModelConfig config, ParameterSet parameters)
    {
        _config = config;
        _norm = new RmsNorm(parameters.Add("head.norm", [config.Width], 0), config.NormEpsilon);
        _projection = new Bf16Linear(
            parameters.Add(
                "head.projection",
                [config.Vocabulary, config.Width],
                1f / MathF.Sqrt(config.Width)
            )
        );
    }

    public IProduct Product => _projection;

    public void Dispose() => _projection.Dispose();

    public void Refresh() => _projection.Refresh();

    /// <param name="x">[T,width].</param>
    /// <param name="normed">Kept for the backward pass.</param>
    /// <param name="logits">[T,vocabulary], written.</param>
    public void Forward(
        Arena arena,
        Tensor<float> x,
        out Tensor<float> normed,
        Tensor<float> logits
    )
    {
        normed = arena.Rent(x.Shape[0], _config.Width);
        _norm.Forward(x, normed);
        _projection.Forward(normed, logits);
    }

    public Tensor<float> Backward(
        Arena arena,
        Tensor<float> x,
        Tensor<float> normed,
        Tensor<float> dLogits,
        int expertRank,
        DeferredWork deferred
    )
    {
        var dNormed = arena.Rent(x.Shape[0], _config.Width);
        _projection.BackwardInput(dLogits, dNormed);
        deferred.Add(() => _projection.BackwardWeight(normed, dLogits, expertRank));
        var dx = arena.Rent(x.Shape[0], _config.Width);
        _norm.Backward(x, dNormed, dx, expertRank, accumulate: false);
        return dx;
    }
}
