// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>Where and on what a forward runs. Valid during the call only.</summary>
public readonly struct StageForwardContext
{
    /// <summary>Number of the step, counted per engine.</summary>
    public long StepId { get; init; }

    /// <summary>Pipeline rank.</summary>
    public int Rank { get; init; }

    /// <summary>Logical stage.</summary>
    public int Stage { get; init; }

    /// <summary>Slot of the stage on its rank.</summary>
    public int Slot { get; init; }

    /// <summary>Global micro-batch index.</summary>
    public int MicroBatch { get; init; }

    /// <summary>Direction of the micro-batch, 0 or 1.</summary>
    public int Direction { get; init; }

    /// <summary>True when a backward follows.</summary>
    public bool IsTraining { get; init; }

    /// <summary>True on the stage that reads the step's inputs.</summary>
    public bool IsFirst { get; init; }

    /// <summary>True on the stage whose outputs go to the loss.</summary>
    public bool IsLast { get; init; }

    /// <summary>Input tensors; the engine owns them.</summary>
    public TensorList Inputs { get; init; }

    /// <summary>Cancelled when the step is cancelled or another rank fails.</summary>
    public CancellationToken CancellationToken { get; init; }

    /// <summary>Temporary memory that is taken back when the call returns.</summary>
    public required ScratchAllocator Scratch { get; init; }
}
