// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// One entry of a rank's schedule: 20 bytes, immutable. <see cref="Stage"/> is always a stage that the
/// executing rank hosts: a receive names the stage that consumes the message, a send the stage that
/// produced it.
/// </summary>
public readonly record struct PipelineAction
{
    /// <summary>What the action does.</summary>
    public PipelineActionKind Kind { get; init; }

    /// <summary>Which of the rank's stages it concerns (0 = first hosted stage).</summary>
    public byte Slot { get; init; }

    /// <summary>Step 1-8 of the DualPipe construction that emitted it, 0 when there is none.</summary>
    public byte Step { get; init; }

    /// <summary>Slot of the backward half of a <see cref="PipelineActionKind.ForwardBackward"/>.</summary>
    public byte Slot2 { get; init; }

    /// <summary>Logical stage.</summary>
    public short Stage { get; init; }

    /// <summary>Stage of the backward half of a <see cref="PipelineActionKind.ForwardBackward"/>.</summary>
    public short Stage2 { get; init; }

    /// <summary>Global micro-batch index; -1 for a commit.</summary>
    public int MicroBatch { get; init; }

    /// <summary>Micro-batch of the backward half of a <see cref="PipelineActionKind.ForwardBackward"/>.</summary>
    public int MicroBatch2 { get; init; }

    /// <summary>Pipeline rank at the other end of a send or receive, otherwise -1.</summary>
    public short Peer { get; init; }

    /// <summary>True for F, B, I, W and F&amp;B.</summary>
    public bool IsCompute => Kind <= PipelineActionKind.ForwardBackward;

    /// <summary>True for the four send and receive kinds.</summary>
    public bool IsMessage =>
        Kind is >= PipelineActionKind.ReceiveForward and <= PipelineActionKind.SendBackward;

    /// <summary>True for the two send kinds.</summary>
    public bool IsSend => Kind is PipelineActionKind.SendForward or PipelineActionKind.SendBackward;

    /// <summary>True for the two receive kinds.</summary>
    public bool IsReceive =>
        Kind is PipelineActionKind.ReceiveForward or PipelineActionKind.ReceiveBackward;

    /// <summary>True when the action runs a forward (F or F&amp;B).</summary>
    public bool HasForward =>
        Kind is PipelineActionKind.Forward or PipelineActionKind.ForwardBackward;

    /// <summary>Creates a compute action other than F&amp;B.</summary>
    /// <param name="kind">F, B, I or W.</param>
    /// <param name="slot">Slot of the stage on its rank.</param>
    /// <param name="stage">Logical stage.</param>
    /// <param name="microBatch">Global micro-batch index.</param>
    /// <param name="step">Construction step, 0 for none.</param>
    /// <returns>The action.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="kind"/> is not one of the four.</exception>
    public static PipelineAction Compute(
        PipelineActionKind kind,
        int slot,
        int stage,
        int microBatch,
        int step = 0
    )
    {
        if (kind > PipelineActionKind.BackwardWeight)
        {
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "expected F, B, I or W");
        }

        return Create(kind, slot, stage, microBatch, -1, step);
    }

    /// <summary>Creates an overlapped pair: the forward of one micro-batch and the full backward of another.</summary>
    /// <param name="slot">Slot of the forward.</param>
    /// <param name="stage">Stage of the forward.</param>
    /// <param name="microBatch">Micro-batch of the forward.</param>
    /// <param name="slot2">Slot of the backward.</param>
    /// <param name="stage2">Stage of the backward.</param>
    /// <param name="microBatch2">Micro-batch of the backward.</param>
    /// <param name="step">Construction step, 0 for none.</param>
    /// <returns>The action.</returns>
    public static PipelineAction Overlap(
        int slot,
        int stage,
        int microBatch,
        int slot2,
        int stage2,
        int microBatch2,
        int step = 0
    ) =>
        new()
        {
            Kind = PipelineActionKind.ForwardBackward,
            Slot = checked((byte)slot),
            Step = checked((byte)step),
            Slot2 = checked((byte)slot2),
            Stage = checked((short)stage),
            Stage2 = checked((short)stage2),
            MicroBatch = microBatch,
            MicroBatch2 = microBatch2,
            Peer = -1,
        };

    /// <summary>Creates a send or receive.</summary>
    /// <param name="kind">RF, SF, RB or SB.</param>
    /// <param name="slot">Slot of the local stage.</param>
    /// <param name="stage">Local stage: consumer of a receive, producer of a send.</param>
    /// <param name="microBatch">Global micro-batch index.</param>
    /// <param name="peer">Pipeline rank at the other end.</param>
    /// <param name="step">Construction step, 0 for none.</param>
    /// <returns>The action.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="kind"/> is not a message kind.</exception>
    public static PipelineAction Message(
        PipelineActionKind kind,
        int slot,
        int stage,
        int microBatch,
        int peer,
        int step = 0
    )
    {
        if (kind is < PipelineActionKind.ReceiveForward or > PipelineActionKind.SendBackward)
        {
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "expected RF, SF, RB or SB");
        }

        return Create(kind, slot, stage, microBatch, peer, step);
    }

    /// <summary>Creates a commit.</summary>
    /// <param name="step">Construction step, 0 for none.</param>
    /// <returns>The action.</returns>
    public static PipelineAction Commit(int step = 0) =>
        Create(PipelineActionKind.Commit, 0, -1, -1, -1, step);

    /// <summary>
    /// Text form in the notation of PyTorch's schedule CSV: <c>3F5</c>, <c>3B5</c>, <c>3I5</c>, <c>3W5</c>,
    /// <c>(3F7;4B2)OVERLAP_F_B</c>, <c>3SEND_F5</c>, <c>3RECV_F5</c>, <c>3SEND_B5</c>, <c>3RECV_B5</c>. A commit,
    /// which that notation does not have, prints as <c>COMMIT</c>.
    /// </summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        Kind switch
        {
            PipelineActionKind.Commit => "COMMIT",
            PipelineActionKind.ForwardBackward => string.Create(
                CultureInfo.InvariantCulture,
                $"({Stage}F{MicroBatch};{Stage2}B{MicroBatch2})OVERLAP_F_B"
            ),
            _ => string.Create(CultureInfo.InvariantCulture, $"{Stage}{Symbol(Kind)}{MicroBatch}"),
        };

    internal static string Symbol(PipelineActionKind kind) =>
        kind switch
        {
            PipelineActionKind.Forward => "F",
            PipelineActionKind.Backward => "B",
            PipelineActionKind.BackwardInput => "I",
            PipelineActionKind.BackwardWeight => "W",
            PipelineActionKind.ReceiveForward => "RECV_F",
            PipelineActionKind.SendForward => "SEND_F",
            PipelineActionKind.ReceiveBackward => "RECV_B",
            PipelineActionKind.SendBackward => "SEND_B",
            PipelineActionKind.ForwardBackward => "OVERLAP_F_B",
            _ => "COMMIT",
        };

    private static PipelineAction Create(
        PipelineActionKind kind,
        int slot,
        int stage,
        int microBatch,
        int peer,
        int step
    ) =>
        new()
        {
            Kind = kind,
            Slot = checked((byte)slot),
            Step = checked((byte)step),
            Stage = checked((short)stage),
            Stage2 = -1,
            MicroBatch = microBatch,
            MicroBatch2 = -1,
            Peer = checked((short)peer),
        };
}
