// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>
/// Sigmoid gating with a bias that only affects the choice (auxiliary-loss-free balancing, DeepSeek-V3 report
/// §2.1.2): experts are chosen by score + bias and weighted by their normalised scores.
/// </summary>
internal sealed class Router
{
    public const string BiasName = "router.bias";

    private readonly ModelConfig _config;
    private readonly Parameter _weight;
    private readonly Parameter _bias;
    private readonly long[] _load;

    public Router(ModelConfig config, ParameterSet parameters)
    {
        _config = config;
        _weight = parameters.Add(
            "router.weight",
            [config.Experts, config.Width],
            1f / MathF.Sqrt(config.Width)
        );
        // Any equal start is the same: only differences matter. It has no gradient; Balance moves it.
        _bias = parameters.Add(BiasName, [config.Experts], 0);
        _load = new long[config.Experts];
    }

    /// <summary>Selections per expert since the last call of <see cref="TakeLoad"/>.</summary>
    public IReadOnlyList<long> Load => _load;

    /// <summary>What is added to the scores for the choice.</summary>
    public ReadOnlySpan<float> Bias => _bias.Value.AsSpan();

    /// <summary>Chooses experts and their weights for each row of x [T,width].</summary>
    public void Forward(Tensor<float> x, RouterActivation a)
    {
        var c = _config;
        var tokens = (int)x.Shape[0];
        a.Scores = new float[tokens * c.Experts];
        a.Chosen = Tensor<long>.Create([tokens, c.ExpertsPerToken], zeroed: false);
        a.Weights = Tensor<float>.Create([tokens, c.ExpertsPerToken], zeroed: false);
        var bias = _bias.Value.AsSpan();
        Span<long> load = stackalloc long[c.Experts];
        load.Clear();
        for (var t = 0; t < tokens; t++)
        {
            var scores = a.Scores.AsSpan(t * c.Experts, c.Experts);
            for (var e = 0; e < c.Experts; e++)
                scores[e] =
                    1f
                    / (
                        1f
                        + MathF.Exp(
                            -VectorMath.Dot(x.AsView().Row(t), _weight.Value.AsView().Row(e))
                        )
                    );
            var chosen = a.Chosen.AsView().Row(t);
            for (var k = 0; k < chosen.Length; k++)
            {
                chosen[k] = Best(scores, bias, chosen[..k]);
                load[(int)chosen[k]]++;
            }
            Weigh(scores, chosen, a.Weights.AsView().Row(t));
        }
        for (var e = 0; e < c.Experts; e++)
            Interlocked.Add(ref _load[e], load[e]);
    }

    /// <summary>Weights of chosen experts: their scores, normalised.</summary>
    public static void Weigh(
        ReadOnlySpan<float> scores,
        ReadOnlySpan<long> chosen,
        Span<float> weights
    )
    {
        var sum = 0f;
        for (var k = 0; k < chosen.Length; k++)
            sum += weights[k] = scores[(int)chosen[k]];
        foreach (ref var weight in weights)
            weight /= sum;
    }

    /// <summary>Adds to the gradient of x, given the gradients of the weights [T,K].</summary>
    public void Backward(
        Tensor<float> x,
        RouterActivation a,
        Tensor<float> weightGradients,
        Tensor<float> dx,
        int expertRank
    )
    {
        var c = _config;
        var gradient = _weight.Gradient(expertRank);
        for (var t = 0; t < (int)x.Shape[0]; t++)
        {
            var scores = a.Scores.AsSpan(t * c.Experts, c.Experts);
            var chosen = a.Chosen.AsView().Row(t);
            var weights = a.Weights.AsView().Row(t);
            var dWeights = weightGradients.AsView().Row(t);
            float mean = 0,
                sum = 0;
            for (var k = 0; k < chosen.Length; k++)
            {
                mean = MathF.FusedMultiplyAdd(dWeights[k], weights[k], mean);
                sum += scores[(int)chosen[k]];
            }
            for (var k = 0; k < chosen.Length; k++)
            {
                var e = (int)chosen[k];
                var logit = (dWeights[k] - mean) / sum * scores[e] * (1 - scores[e]);
                VectorMath.AddScaled(dx.AsView().Row(t), _weight.Value.AsView().Row(e), logit);
                VectorMath.AddScaled(gradient.AsView().Row(e), x.AsView().Row(t), logit);
            }
        }
    }

    /// <summary>Returns the loads of a step and starts counting anew.</summary>
    public long[] TakeLoad()
    {
        var load = _load.ToArray();
        Array.Clear(_load);
        return load;
    }

    /// <summary>Raises the bias of experts below the mean load and lowers it above.</summary>
    public void Balance(ReadOnlySpan<long> load, float speed)
    {
        double mean = 0;
        foreach (var count in load)
            mean += (double)count / load.Length;
        var bias = _bias.Value.AsSpan();
        for (var e = 0; e < bias.Length; e++)
            bias[e] += speed * Math.Sign(mean - load[e]);
    }

    private static int Best(
        ReadOnlySpan<float> scores,
        ReadOnlySpan<float> bias,
        ReadOnlySpan<long> taken
    )
    {
        var best = -1;
        for (var e = 0; e < scores.Length; e++)
            if (!taken.Contains(e) && (best < 0 || scores[e] + bias[e] > scores[best] + bias[best]))
                best = e;
        return best;
    }
}
