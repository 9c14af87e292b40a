// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// Mean over all elements of (output - label)^2, for one Float32 output and one Float32 label of the same
/// shape. The sum runs in Float64 in element order. Thread-safe.
/// </summary>
public sealed class MeanSquaredErrorLoss : IPipelineLoss
{
    /// <inheritdoc/>
    public LossResult Forward(in LossContext context, TensorList outputs, TensorList labels)
    {
        var output = Single(outputs, nameof(outputs));
        var label = Single(labels, nameof(labels));
        if (!output.HasShapeOf(label))
        {
            throw new ArgumentException($"labels: expected {output}, got {label}", nameof(labels));
        }

        var difference = context.IsTraining
            ? PipelineTensor.Allocate(PipelineDataType.Float32, output.Shape)
            : null;
        var kept = difference is null ? [] : difference.AsSpan<float>();
        var x = output.AsSpan<float>();
        var y = label.AsSpan<float>();
        var sum = 0.0;
        for (var i = 0; i < x.Length; i++)
        {
            var d = x[i] - y[i];
            sum += (double)d * d;
            if (difference is not null)
            {
                kept[i] = d;
            }
        }

        return new LossResult((float)(sum / Math.Max(1, x.Length)), difference);
    }

    /// <inheritdoc/>
    public TensorList Backward(in LossContext context, IDisposable? state, double gradient)
    {
        var difference =
            (PipelineTensor?)state
            ?? throw new ArgumentNullException(
                nameof(state),
                "expected the state of a training forward"
            );
        var result = PipelineTensor.Allocate(PipelineDataType.Float32, difference.Shape);
        var scale = (float)(2.0 * gradient / Math.Max(1, difference.ElementCount));
        var d = difference.AsSpan<float>();
        var g = result.AsSpan<float>();
        for (var i = 0; i < d.Length; i++)
        {
            g[i] = scale * d[i];
        }

        return result;
    }

    private static PipelineTensor Single(TensorList list, string name) =>
        list.Count == 1 && list[0] is { DataType: PipelineDataType.Float32 } tensor
            ? tensor
            : throw new ArgumentException(
                $"{name}: expected one Float32 tensor, got {list.Count}"
                    + (list.Count > 0 ? $" ({list[0]})" : ""),
                name
            );
}
