// SPDX-License-Identifier: MIT
using EndToEnd.Checks;
using EndToEnd.Model;
using EndToEnd.Reference;

namespace EndToEnd.Training;

/// <summary>
/// Judges the gradients twice: the 4 x 2 ranks against one process with the same FP8 arithmetic, where only the order of float32
/// sums differs, and that process against a float64 model that shares no code with it, where FP8 rounding shows.
/// </summary>
internal sealed class GradientCheck(
    ModelConfig config,
    PipelineModel model,
    SingleProcessModel single
)
{
    private const double DistributedTolerance = 2e-3;
    private const double Float64Tolerance = 2e-2;

    public async Task RunAsync(Batch batch, Verdicts verdicts, CancellationToken cancellationToken)
    {
        using var result = await model.StepAsync(batch, training: true, cancellationToken);
        var distributedLoss = result.Losses!.Average();
        var perMicroBatch = batch.Inputs.GetLength(0) / model.MicroBatches;
        var reference = new ReferenceModel(config, single.Layers);
        var (singleLoss, worstFloat64, float64Loss) = (0.0, default(Difference), 0.0);
        for (var m = 0; m < model.MicroBatches; m++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var tokens = Rows(batch.Inputs, m * perMicroBatch, perMicroBatch);
            var labels = Rows(batch.Labels, m * perMicroBatch, perMicroBatch);
            var loss = single.Run(tokens, labels, config.SequenceLength, out var chosen);
            singleLoss += loss / model.MicroBatches;
            if (m > 0)
                continue;
            float64Loss = reference.Run(tokens, labels, config.SequenceLength, chosen) - loss;
            worstFloat64 = Worst(
                single.Layers,
                (layer, parameter) => ToDouble(parameter, layer),
                (_, p) => reference.Gradient(p).ToArray()
            );
        }
        foreach (var layer in single.Layers)
            layer.Parameters.ReduceGradients();
        var worst = Worst(
            single.Layers,
            (layer, parameter) => ToDouble(parameter, layer),
            (layer, parameter) =>
                ToDouble(Same(model.Layers[layer.Index], parameter.Name), model.Layers[layer.Index])
        );
        verdicts.Add(
            "Gradients of 4 pipeline x 2 expert ranks match a single process",
            worst.Value < DistributedTolerance && Math.Abs(singleLoss - distributedLoss) < 1e-4,
            FormattableString.Invariant(
                $"largest 1-cos {worst.Value:0.0e+00} ({worst.Name}, limit {DistributedTolerance}), loss {distributedLoss:0.000000} and {singleLoss:0.000000}"
            )
        );
        verdicts.Add(
            "Hand-written FP8 gradients match an independent float64 model",
            worstFloat64.Value < Float64Tolerance && Math.Abs(float64Loss) < 0.02,
            FormattableString.Invariant(
                $"largest 1-cos {worstFloat64.Value:0.0e+00} ({worstFloat64.Name}, limit {Float64Tolerance}), loss difference {float64Loss:0.0000}"
            )
        );
    }

    private static Parameter Same(TransformerLayer layer, string name) =>
        layer.Parameters.Parameters.First(p => p.Name == name);

    private static double[] ToDouble(Parameter parameter, TransformerLayer _) =>
        Array.ConvertAll(parameter.Gradient(0).ToArray(), v => (double)v);

    private static Difference Worst(
        IReadOnlyList<TransformerLayer> layers,
        Func<TransformerLayer, Parameter, double[]> left,
        Func<TransformerLayer, Parameter, double[]> right
    )
    {
        var worst = default(Difference);
        foreach (var layer in layers)
        foreach (var parameter in layer.Parameters.Parameters)
        {
            // Balance moves the router's bias; it has no gradient, and the reference does not know it.
            if (parameter.Name == Router.BiasName)
                continue;
            var (a, b) = (left(layer, parameter), right(layer, parameter));
            double product = 0,
                squares = 0;
            for (var i = 0; i < Math.Max(a.Length, b.Length); i++)
            {
                product += a[i] * b[i];
                squares += a[i] * a[i] + b[i] * b[i];
            }
            // Zeros on both sides are as wrong as not a number.
            var difference = 1 - 2 * product / squares;
            if (double.IsNaN(difference))
                difference = double.PositiveInfinity;
            if (difference > worst.Value)
                worst = new Difference(difference, $"stage {layer.Index} {parameter.Name}");
        }
        return worst;
    }

    private static int[] Rows(int[,] values, int start, int count)
    {
        var length = values.GetLength(1);
        var rows = new int[count * length];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = values[start + i / length, i % length];
        return rows;
    }

    private readonly record struct Difference(double Value, string Name);
}
