// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Micro-batches of a step's inputs and labels, and the places of its losses and outputs, by direction; for
/// the ranks of this process. Each array is used by one rank only. Made before any rank starts, so that bad
/// arguments fail without breaking the pipeline.
/// </summary>
internal sealed class StepData : IDisposable
{
    public TensorList[]?[] Inputs { get; } = [null, null];

    public TensorList[]?[] Labels { get; } = [null, null];

    public double[]?[] Losses { get; } = [null, null];

    public TensorList[]?[] Outputs { get; } = [null, null];

    public static StepData Create(
        PipelineSchedule schedule,
        StepInputs inputs,
        IReadOnlyList<int> localRanks,
        PipelineOptions options
    )
    {
        var data = new StepData();
        try
        {
            for (var direction = 0; direction < 2; direction++)
            {
                data.Fill(schedule, inputs, localRanks, options, direction);
            }

            return data;
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Joins the outputs of the micro-batches of a direction; null when there are none.</summary>
    public TensorList? JoinOutputs(int direction, int dimension)
    {
        if (Outputs[direction] is not { } parts)
        {
            return null;
        }

        var joined = new PipelineTensor?[parts[0].Count];
        var column = new PipelineTensor?[parts.Length];
        try
        {
            for (var j = 0; j < joined.Length; j++)
            {
                for (var i = 0; i < parts.Length; i++)
                {
                    column[i] =
                        parts[i].Count == joined.Length
                            ? parts[i][j]
                            : throw new PipelineStageException(
                                $"the last stage gave {joined.Length} outputs for one micro-batch and {parts[i].Count} for another"
                            );
                }

                joined[j] = MicroBatches.Concat(column, dimension);
            }
        }
        catch (ArgumentException e)
        {
            TensorList.Create(joined).DisposeAll();
            throw new PipelineStageException(
                $"the outputs of the last stage cannot be joined: {e.Message}",
                e
            );
        }

        return TensorList.Create(joined);
    }

    public void Dispose()
    {
        foreach (var parts in (TensorList[]?[])[.. Inputs, .. Labels, .. Outputs])
        {
            foreach (var list in parts ?? [])
            {
                list.DisposeAll();
            }
        }
    }

    private void Fill(
        PipelineSchedule schedule,
        StepInputs inputs,
        IReadOnlyList<int> localRanks,
        PipelineOptions options,
        int direction
    )
    {
        var placement = schedule.Placement;
        var source = inputs.Data(direction);
        var count = schedule.MicroBatchesPerDirection;
        var exists = direction < placement.DirectionCount;
        var first = direction * count;
        var last = placement.StageCount - 1;
        if (exists && localRanks.Contains(placement.RankOf(0, first)))
        {
            Inputs[direction] = Split(
                source.Inputs,
                source.MicroBatchInputs,
                count,
                options,
                "inputs"
            );
        }
        else
        {
            WarnIgnored(options, source.Inputs, source.MicroBatchInputs, "inputs", direction);
        }

        if (!exists || !localRanks.Contains(placement.RankOf(last, first)))
        {
            WarnIgnored(options, source.Labels, source.MicroBatchLabels, "labels", direction);
            return;
        }

        if (inputs.Loss is null && !schedule.ForwardOnly)
        {
            throw new InvalidOperationException(
                $"training needs {nameof(StepInputs)}.{nameof(StepInputs.Loss)} on the rank that owns the loss of direction {direction}"
            );
        }

        if (inputs.Loss is not null)
        {
            Losses[direction] = new double[count];
            Labels[direction] = Split(
                source.Labels,
                source.MicroBatchLabels,
                count,
                options,
                "labels"
            );
        }

        if (inputs.ReturnOutputs)
        {
            Outputs[direction] = new TensorList[count];
        }
    }

    private static void WarnIgnored(
        PipelineOptions options,
        TensorList whole,
        IReadOnlyList<TensorList>? parts,
        string what,
        int direction
    )
    {
        if (whole.Count > 0 || parts is not null)
        {
            PipelineLog.DataIgnored(options.Logger, what, direction);
        }
    }

    private static TensorList[] Split(
        TensorList whole,
        IReadOnlyList<TensorList>? parts,
        int count,
        PipelineOptions options,
        string name
    )
    {
        if (parts is null)
        {
            return MicroBatches.Split(whole, count, options.BatchDimension);
        }

        if (parts.Count != count)
        {
            throw new ArgumentException(
                $"{name}: expected {count} micro-batches, got {parts.Count}",
                name
            );
        }

        // The caller keeps its tensors; the engine disposes what it is given, so it gets borrowed ones.
        var result = new TensorList[count];
        for (var i = 0; i < count; i++)
        {
            var borrowed = new PipelineTensor?[parts[i].Count];
            for (var j = 0; j < borrowed.Length; j++)
            {
                borrowed[j] = parts[i][j] is { } tensor
                    ? new SlicedTensor(tensor, tensor.Shape, 0, checked((int)tensor.ByteCount))
                    : null;
            }

            result[i] = TensorList.Create(borrowed);
        }

        return result;
    }
}
