// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using EndToEnd.Model;

namespace EndToEnd.Training;

/// <summary>Mean cross-entropy of next tokens in nats: logits [B,S,V] float32, labels [B,S] int32.</summary>
internal sealed class CrossEntropyLoss(ModelConfig config) : IPipelineLoss
{
    public LossResult Forward(in LossContext context, TensorList outputs, TensorList labels)
    {
        var logits = outputs[0]!;
        var targets = labels[0]!.AsSpan<int>();
        var gradient = context.IsTraining
            ? PipelineTensor.Allocate(logits.DataType, logits.Shape)
            : null;
        var total = 0.0;
        var scratch = new float[config.Vocabulary];
        for (var t = 0; t < targets.Length; t++)
        {
            var row = logits.AsSpan<float>().Slice(t * config.Vocabulary, config.Vocabulary);
            var probabilities = gradient is null
                ? scratch
                : gradient.AsSpan<float>().Slice(t * config.Vocabulary, config.Vocabulary);
            total += RowLoss(row, targets[t], probabilities);
            if (gradient is null)
                continue;
            probabilities[targets[t]] -= 1;
            VectorMath.Scale(probabilities, probabilities, 1f / targets.Length);
        }
        return new LossResult(
            total / targets.Length,
            gradient is null ? null : new State(gradient)
        );
    }

    public TensorList Backward(in LossContext context, IDisposable? state, double gradient)
    {
        var logits = ((State)state!).Take();
        if (gradient != 1)
        {
            var values = logits.AsSpan<float>();
            VectorMath.Scale(values, values, (float)gradient);
        }
        return TensorList.Of(logits);
    }

    /// <summary>Cross-entropy of one row; writes its softmax.</summary>
    public static double RowLoss(ReadOnlySpan<float> logits, int target, Span<float> probabilities)
    {
        logits.CopyTo(probabilities);
        var max = VectorMath.Max(logits);
        var sum = VectorMath.ExpShifted(probabilities, max);
        VectorMath.Scale(probabilities, probabilities, 1 / sum);
        return max + Math.Log(sum) - logits[target];
    }

    /// <summary>The gradient of the logits, computed with the loss, until the backward pass takes it.</summary>
    private sealed class State(PipelineTensor gradient) : IDisposable
    {
        private PipelineTensor? _gradient = gradient;

        public PipelineTensor Take() => Interlocked.Exchange(ref _gradient, null)!;

        public void Dispose() => _gradient?.Dispose();
    }
}
