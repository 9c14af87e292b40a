// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using EndToEnd.Model;

namespace EndToEnd.Inference.Agreement;

/// <summary>
/// Gives every half layer of a decode step exactly the input that prefill had, and measures how far its result is from
/// prefill's. No error travels from one half layer to the next, so nothing hides behind another's and nothing grows.
/// </summary>
internal sealed class StepProbe(ForwardTrace expected) : TraceProbe(expected)
{
    public int Steps { get; private set; }

    /// <summary>Embedded tokens that are not bit-equal.</summary>
    public int WrongInputs { get; private set; }

    /// <summary>Relative errors of the heads' values, of every token by layer.</summary>
    public List<double>[] Attention { get; } = Lists(expected.Inputs.Length);

    /// <summary>Differences of the heads' values over all tokens, by layer.</summary>
    public Difference[] AttentionDifference { get; } =
    [.. expected.Inputs.Select(_ => new Difference())];

    /// <summary>Largest relative error of an output of attention and of the logits: same inputs, float32 sums.</summary>
    public double Products { get; private set; }

    /// <summary>Choices of experts that differ: same inputs, same function.</summary>
    public int WrongChoices { get; private set; }

    /// <summary>Errors of what the experts add, relative to it, of every token by layer.</summary>
    public List<double>[] Experts { get; } = Lists(expected.Inputs.Length);

    public override void Enter(int layer, Tensor<float> x)
    {
        for (var i = 0; i < Rows.Length; i++)
        {
            var row = x.AsView().Row(i);
            var input = Expected.Inputs[layer][Rows[i]];
            // Later layers get a copy of what they are compared with.
            if (layer == 0)
                WrongInputs += row.SequenceEqual(input) ? 0 : 1;
            input.CopyTo(row);
        }
    }

    public override void Attended(int layer, Tensor<float> context)
    {
        for (var i = 0; i < Rows.Length; i++)
        {
            var row = context.AsView().Row(i);
            var values = Expected.Contexts[layer][Rows[i]];
            Attention[layer].Add(Distance.Relative(row, values));
            AttentionDifference[layer].Add(row, values);
            values.CopyTo(row);
        }
    }

    public override void EnterExperts(int layer, Tensor<float> hidden)
    {
        for (var i = 0; i < Rows.Length; i++)
        {
            var row = hidden.AsView().Row(i);
            var values = Expected.Hidden[layer][Rows[i]];
            Products = Math.Max(Products, Distance.Relative(row, values));
            values.CopyTo(row);
        }
    }

    public override void Routed(int layer, RouterActivation routing)
    {
        for (var i = 0; i < Rows.Length; i++)
            if (!routing.ChosenBy(i).SequenceEqual(Expected.Chosen[layer][Rows[i]]))
                WrongChoices++;
    }

    public override void Leave(int layer, Tensor<float> y)
    {
        for (var i = 0; i < Rows.Length; i++)
        {
            var row = y.AsView().Row(i);
            var output = Expected.Outputs[layer][Rows[i]];
            var hidden = Expected.Hidden[layer][Rows[i]];
            Experts[layer].Add(Distance.Relative(Minus(row, hidden), Minus(output, hidden)));
            output.CopyTo(row);
        }
    }

    public override void Finish(float[][] logits)
    {
        Steps += logits.Length;
        for (var i = 0; i < logits.Length; i++)
            Products = Math.Max(Products, Distance.Relative(logits[i], Expected.Logits[Rows[i]]));
    }

    private static List<double>[] Lists(int layers)
    {
        var lists = new List<double>[layers];
        for (var l = 0; l < layers; l++)
            lists[l] = [];
        return lists;
    }

    private static float[] Minus(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var result = a.ToArray();
        for (var i = 0; i < result.Length; i++)
            result[i] -= b[i];
        return result;
    }
}
