// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Tests.Fixtures;

/// <summary>
/// A chain of Linear-GELU-Linear stages with data, and its reference: the same micro-batches one after
/// another through one copy of all stages.
/// </summary>
internal sealed class TinyModel(
    int stageCount,
    int width = 64,
    int rowsPerMicroBatch = 3,
    PipelineDataType boundary = PipelineDataType.Float32
)
{
    public const int Positions = 16;

    public LinearGeluLinearStage CreateStage(int stage) =>
        new(width, 4 * width, seed: 1000 + stage, boundary);

    /// <summary>A batch [rows, 16, width] of the given number of micro-batches.</summary>
    public PipelineTensor Batch(int microBatches, int seed) =>
        BatchOfRows(microBatches * rowsPerMicroBatch, seed);

    public PipelineTensor BatchOfRows(int rows, int seed)
    {
        var random = new Random(seed);
        var values = new float[rows * Positions * width];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (float)((random.NextDouble() * 2) - 1);
        }

        return PipelineTensor.Create<float>(
            PipelineDataType.Float32,
            values,
            rows,
            Positions,
            width
        );
    }

    public StepInputs Inputs(PipelineSchedule schedule, int seed = 7)
    {
        var n = schedule.MicroBatchesPerDirection;
        return new StepInputs
        {
            Direction0 = new DirectionData { Inputs = Batch(n, seed), Labels = Batch(n, seed + 1) },
            Direction1 =
                schedule.Placement.DirectionCount == 2
                    ? new DirectionData { Inputs = Batch(n, seed + 2), Labels = Batch(n, seed + 3) }
                    : new DirectionData(),
            Loss = new MeanSquaredErrorLoss(),
        };
    }

    public Reference RunReference(
        StepInputs inputs,
        int directions,
        int perDirection,
        GradientScale scale = GradientScale.Sum,
        LinearGeluLinearStage[]? stages = null
    )
    {
        stages ??= [.. Enumerable.Range(0, stageCount).Select(CreateStage)];
        var losses = new List<double>();
        var outputs = new List<float[]>();
        var loss = new MeanSquaredErrorLoss();
        var scratch = new ScratchAllocator();
        var seed = scale == GradientScale.Mean ? 1.0 / (directions * perDirection) : 1.0;
        for (var direction = 0; direction < directions; direction++)
        {
            var data = direction == 0 ? inputs.Direction0 : inputs.Direction1;
            var x = MicroBatches.Split(data.Inputs, perDirection);
            var y = MicroBatches.Split(data.Labels, perDirection);
            for (var m = 0; m < perDirection; m++)
            {
                var values = new TensorList[stages.Length + 1];
                var activations = new StageActivation[stages.Length];
                values[0] = x[m];
                for (var s = 0; s < stages.Length; s++)
                {
                    var result = stages[s]
                        .Forward(
                            new StageForwardContext
                            {
                                Inputs = values[s],
                                IsTraining = true,
                                Scratch = scratch,
                            }
                        );
                    values[s + 1] = result.Outputs;
                    activations[s] = result.Activation!;
                }

                outputs.Add(values[^1][0]!.AsSpan<float>().ToArray());
                var context = new LossContext(0, 0, m, direction, true);
                var (value, state) = loss.Forward(context, values[^1], y[m]);
                losses.Add(value);
                var gradient = loss.Backward(context, state, seed);
                state!.Dispose();
                for (var s = stages.Length - 1; s >= 0; s--)
                {
                    var next = stages[s]
                        .Backward(
                            new StageBackwardContext
                            {
                                Inputs = values[s],
                                NeedsInputGradients = s > 0,
                                Scratch = scratch,
                            },
                            activations[s],
                            gradient
                        );
                    gradient.DisposeAll();
                    activations[s].Dispose();
                    values[s + 1].DisposeAll();
                    gradient = next;
                }
            }
        }

        scratch.Release();
        return new Reference(losses, outputs, [.. stages.Select(GradientsOf)]);
    }

    public static float[] GradientsOf(IPipelineStage stage) =>
        [
            .. ((IParameterizedStage)stage).Parameters.SelectMany(p =>
                MemoryMarshal.ToEnumerable<float>(p.Gradient)
            ),
        ];

    internal sealed record Reference(
        IReadOnlyList<double> Losses,
        IReadOnlyList<float[]> Outputs,
        IReadOnlyList<float[]> Gradients
    );
}
