// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using EndToEnd.Model;

namespace EndToEnd.Reference;

/// <summary>
/// The whole model in float64 on one thread, written for reading: no packages, no quantisation, gradients from
/// the <see cref="Tape"/>. The choice of experts is given, because a rounding difference may flip it.
/// </summary>
internal sealed class ReferenceModel(ModelConfig config, IReadOnlyList<TransformerLayer> layers)
{
    private readonly Dictionary<Parameter, Matrix> _weights = [];

    /// <summary>Loss in nats; gradients are added to <see cref="Gradient"/>.</summary>
    /// <param name="tokens">[B*S] token ids.</param>
    /// <param name="labels">[B*S] next tokens.</param>
    /// <param name="length">S.</param>
    /// <param name="chosen">Chosen experts by layer, token and slot.</param>
    public double Run(int[] tokens, int[] labels, int length, int[][][] chosen)
    {
        var tape = new Tape();
        var forward = Forward(tape, tokens, length, chosen);
        var loss = tape.CrossEntropy(forward.Logits, labels);
        tape.Backward(loss);
        return loss.Value[0];
    }

    /// <summary>Logits and what the routers saw.</summary>
    /// <inheritdoc cref="Run" path="/param"/>
    public ReferenceForward Forward(int[] tokens, int length, int[][][] chosen) =>
        Forward(new Tape(), tokens, length, chosen);

    /// <summary>Takes the weights as the products see them, so that only their inputs' rounding is missing here.</summary>
    public void UseNarrowedWeights()
    {
        foreach (var product in layers.SelectMany(l => l.Products))
        {
            using var values = product.Dequantize();
            _weights[product.Weight] = ToMatrix(values.AsSpan(), product.Weight.Shape);
        }
    }

    /// <summary>The summed gradient of a parameter; empty if it was never used.</summary>
    public ReadOnlySpan<double> Gradient(Parameter parameter) =>
        _weights.TryGetValue(parameter, out var matrix) ? matrix.Gradient : [];

    private ReferenceForward Forward(Tape tape, int[] tokens, int length, int[][][] chosen)
    {
        var positions = Enumerable.Range(0, tokens.Length).Select(i => i % length).ToArray();
        var x = tape.Gather(Weight(layers[0], "embedding"), tokens);
        var routerLogits = new Matrix[layers.Count];
        for (var l = 0; l < layers.Count; l++)
        {
            x = Attention(tape, layers[l], x, positions, length);
            x = Experts(tape, layers[l], x, chosen[l], out routerLogits[l]);
        }
        var last = layers[^1];
        var normed = tape.RmsNorm(x, Weight(last, "head.norm"), config.NormEpsilon);
        return new ReferenceForward(
            routerLogits,
            tape.Linear(normed, Weight(last, "head.projection"))
        );
    }

    private Matrix Attention(
        Tape tape,
        TransformerLayer layer,
        Matrix x,
        int[] positions,
        int length
    )
    {
        var c = config;
        var h = tape.RmsNorm(x, Weight(layer, "attention.norm"), c.NormEpsilon);
        var query = tape.Linear(h, Weight(layer, "attention.query"));
        var compressed = tape.Linear(h, Weight(layer, "attention.down"));
        var latent = tape.RmsNorm(
            tape.Columns(compressed, 0, c.Latent),
            Weight(layer, "attention.latent_norm"),
            c.NormEpsilon
        );
        var keyRope = tape.Rotate(
            tape.Columns(compressed, c.Latent, c.RopeDim),
            positions,
            c.RopeBase
        );
        var up = tape.Linear(latent, Weight(layer, "attention.up"));
        var contexts = new Matrix[c.Heads];
        for (var head = 0; head < c.Heads; head++)
        {
            var q = head * c.QueryDim;
            var kv = head * (c.NopeDim + c.ValueDim);
            var queryRope = tape.Rotate(
                tape.Columns(query, q + c.NopeDim, c.RopeDim),
                positions,
                c.RopeBase
            );
            contexts[head] = tape.Attention(
                tape.Concat(tape.Columns(query, q, c.NopeDim), queryRope),
                tape.Concat(tape.Columns(up, kv, c.NopeDim), keyRope),
                tape.Columns(up, kv + c.NopeDim, c.ValueDim),
                length,
                c.SoftmaxScale
            );
        }
        return tape.Add(x, tape.Linear(tape.Concat(contexts), Weight(layer, "attention.output")));
    }

    private Matrix Experts(
        Tape tape,
        TransformerLayer layer,
        Matrix x,
        int[][] chosen,
        out Matrix routerLogits
    )
    {
        var c = config;
        var h = tape.RmsNorm(x, Weight(layer, "moe.norm"), c.NormEpsilon);
        routerLogits = tape.Linear(h, Weight(layer, "router.weight"));
        var gates = tape.GateWeights(routerLogits, chosen);
        var shared = Expert(
            tape,
            h,
            Weight(layer, "moe.shared.gate_up"),
            Weight(layer, "moe.shared.down")
        );
        var routed = new Matrix(x.Rows, x.Columns);
        for (var e = 0; e < c.Experts; e++)
        {
            var rows = new List<int>();
            var slots = new List<int>();
            for (var t = 0; t < chosen.Length; t++)
                if (Array.IndexOf(chosen[t], e) is var slot and >= 0)
                {
                    rows.Add(t);
                    slots.Add(slot);
                }
            if (rows.Count == 0)
                continue;
            var y = Expert(
                tape,
                tape.Gather(h, [.. rows]),
                Weight(layer, "moe.experts.gate_up", e),
                Weight(layer, "moe.experts.down", e)
            );
            tape.ScatterWeighted(routed, y, gates, [.. rows], [.. slots]);
        }
        return tape.Add(tape.Add(x, shared), routed);
    }

    private Matrix Expert(Tape tape, Matrix x, Matrix gateUp, Matrix down)
    {
        var hidden = tape.Linear(x, gateUp);
        var gate = tape.Columns(hidden, 0, config.ExpertWidth);
        var value = tape.Columns(hidden, config.ExpertWidth, config.ExpertWidth);
        return tape.Linear(tape.SwiGlu(gate, value), down);
    }

    private Matrix Weight(TransformerLayer layer, string name, int expert = -1)
    {
        var parameter = layer.Parameters.Parameters.First(p => p.Name == name);
        if (!_weights.TryGetValue(parameter, out var matrix))
            _weights[parameter] = matrix = ToMatrix(parameter.Value.AsSpan(), parameter.Shape);
        if (expert < 0)
            return matrix;
        var perExpert = matrix.Rows / config.Experts;
        return matrix.RowRange(expert * perExpert, perExpert);
    }

    private static Matrix ToMatrix(ReadOnlySpan<float> values, Shape shape)
    {
        var columns = (int)shape[-1];
        return Tape.Leaf(values, (int)(shape.ElementCount / columns), columns);
    }
}
