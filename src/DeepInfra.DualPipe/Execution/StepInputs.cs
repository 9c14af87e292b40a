// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>What one step works on.</summary>
/// <remarks>
/// Data is given per direction: inputs and labels of direction d belong together. Only ranks that read the
/// inputs or own the loss of a direction look at it; elsewhere it is ignored with a warning. In DualPipe
/// direction 0 enters at rank 0 and has its loss on rank P-1, direction 1 the other way round.
/// </remarks>
public sealed record StepInputs
{
    /// <summary>Data of direction 0, the only one except in DualPipe.</summary>
    public DirectionData Direction0 { get; init; } = new();

    /// <summary>Data of direction 1; used by DualPipe only.</summary>
    public DirectionData Direction1 { get; init; } = new();

    /// <summary>The loss; required on loss ranks when training.</summary>
    public IPipelineLoss? Loss { get; init; }

    /// <summary>Runs without gradients.</summary>
    public bool ForwardOnly { get; init; }

    /// <summary>Returns the outputs of the last stage on the loss ranks.</summary>
    public bool ReturnOutputs { get; init; }

    /// <summary>Micro-batches of the step, both directions together; null = the schedule's number.</summary>
    public int? MicroBatchCount { get; init; }

    /// <summary>Inputs for a schedule with one direction.</summary>
    /// <param name="inputs">Whole input tensors.</param>
    /// <param name="labels">Whole label tensors.</param>
    /// <param name="loss">The loss.</param>
    /// <returns>The step inputs.</returns>
    public static StepInputs Single(TensorList inputs, TensorList labels, IPipelineLoss? loss) =>
        new()
        {
            Direction0 = new DirectionData { Inputs = inputs, Labels = labels },
            Loss = loss,
        };

    internal DirectionData Data(int direction) => direction == 0 ? Direction0 : Direction1;
}
