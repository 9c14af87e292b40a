// SPDX-License-Identifier: MIT
using EndToEnd.Model;
using EndToEnd.Reference;

namespace EndToEnd.Inference.Agreement;

/// <summary>
/// What rounding does to prefill: its distance from a float64 model with the same narrowed weights and the same choice of
/// experts, measured on some rows of a trace. The measure for differences between prefill and decode.
/// </summary>
internal sealed class RoundingNoise
{
    private readonly ForwardTrace _trace;
    private readonly IReadOnlyList<TransformerLayer> _layers;

    private RoundingNoise(
        ForwardTrace trace,
        IReadOnlyList<TransformerLayer> layers,
        double[] logits,
        double[] scores
    )
    {
        _trace = trace;
        _layers = layers;
        Logits = logits;
        Scores = scores;
    }

    /// <summary>Relative error of the logits of each of the rows.</summary>
    public double[] Logits { get; }

    /// <summary>Root mean square of the error of a router's score, by layer.</summary>
    public double[] Scores { get; }

    /// <param name="tokens">Sequences of equal length, one after another.</param>
    /// <param name="length">Tokens of a sequence.</param>
    /// <param name="rows">Rows of the trace that count.</param>
    public static RoundingNoise Measure(
        ModelConfig config,
        IReadOnlyList<TransformerLayer> layers,
        ForwardTrace trace,
        int[] tokens,
        int length,
        IReadOnlyList<int> rows
    )
    {
        var model = new ReferenceModel(config, layers);
        model.UseNarrowedWeights();
        var exact = model.Forward(
            tokens,
            length,
            [.. trace.Chosen.Select(chosen => chosen.ToArray())]
        );
        var scores = layers.Select(
            (_, l) =>
                Distance.Rms(
                    rows.SelectMany(t =>
                        trace
                            .Scores[l][t]
                            .Select((s, e) => s - 1 / (1 + Math.Exp(-exact.RouterLogits[l][t, e])))
                    )
                )
        );
        var logits = rows.Select(t => Distance.Relative(trace.Logits[t], exact.Logits.Row(t)));
        return new RoundingNoise(trace, layers, [.. logits], [.. scores]);
    }

    /// <summary>
    /// Standard deviation of the change of the gap between two scores from one path to the other, if their rounding were
    /// independent: two scores, two paths.
    /// </summary>
    public double GapDeviation(int layer) => 2 * Scores[layer];

    /// <summary>How far prefill preferred its experts to those of decode, in deviations of a gap.</summary>
    public double Deviations(ChangedChoice changed)
    {
        var values = Values(changed.Layer, changed.Row);
        var lost = changed.Prefill.Except(changed.Decode).Max(e => values[e]);
        var won = changed.Decode.Except(changed.Prefill).Min(e => values[e]);
        return (lost - won) / GapDeviation(changed.Layer);
    }

    /// <summary>
    /// How many choices on the rows independent rounding would change, by the gaps between the last chosen expert and the
    /// first that was not.
    /// </summary>
    public double ExpectedChanges(IReadOnlyList<int> rows)
    {
        var expected = 0.0;
        for (var l = 0; l < _layers.Count; l++)
            foreach (var row in rows)
            {
                var values = Values(l, row);
                var chosen = _trace.Chosen[l][row];
                var gap =
                    chosen.Min(e => values[e])
                    - Enumerable.Range(0, values.Length).Except(chosen).Max(e => values[e]);
                expected += Tail(gap / GapDeviation(l));
            }
        return expected;
    }

    /// <summary>What the choice goes by: scores with their bias.</summary>
    private double[] Values(int layer, int row)
    {
        var values = Array.ConvertAll(_trace.Scores[layer][row], s => (double)s);
        var bias = _layers[layer].Moe.Router.Bias;
        for (var e = 0; e < values.Length; e++)
            values[e] += bias[e];
        return values;
    }

    /// <summary>Probability that a normal variable exceeds x ≥ 0 deviations (Abramowitz and Stegun 26.2.17, error below 1e-7).</summary>
    private static double Tail(double x)
    {
        var t = 1 / (1 + 0.2316419 * x);
        var polynomial =
            t
            * (
                0.319381530
                + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
            );
        return polynomial * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }
}
