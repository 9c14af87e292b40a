// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Schedules;

/// <summary>What one entry of a rank's schedule does.</summary>
public enum PipelineActionKind : byte
{
    /// <summary>Forward of one micro-batch through one stage (F).</summary>
    Forward,

    /// <summary>Full backward: input and weight gradients (B = I + W).</summary>
    Backward,

    /// <summary>Backward for the inputs only; the weight work is deferred (I).</summary>
    BackwardInput,

    /// <summary>The deferred weight-gradient work of an earlier <see cref="BackwardInput"/> (W).</summary>
    BackwardWeight,

    /// <summary>One forward and one full backward of another micro-batch run as an overlapped pair (F&amp;B).</summary>
    ForwardBackward,

    /// <summary>Receive the activations that enter a stage (RF).</summary>
    ReceiveForward,

    /// <summary>Send the activations that leave a stage (SF).</summary>
    SendForward,

    /// <summary>Receive the gradients of a stage's outputs (RB).</summary>
    ReceiveBackward,

    /// <summary>Send the gradients of a stage's inputs (SB).</summary>
    SendBackward,

    /// <summary>Submit every pending send and receive as one batch and wait for it.</summary>
    Commit,
}
