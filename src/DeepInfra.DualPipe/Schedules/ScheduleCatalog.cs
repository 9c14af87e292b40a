// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Schedules;

/// <summary>Schedules by name, as command lines and files spell them. Thread-safe.</summary>
public static class ScheduleCatalog
{
    /// <summary>
    /// The accepted names: <c>GPipe</c>, <c>1F1B</c>, <c>Interleaved1F1B</c>, <c>InterleavedZeroBubble</c>,
    /// <c>ZB1P</c>, <c>ZBVZeroBubble</c>, <c>DualPipe</c>, <c>DualPipeV</c>. Upper and lower case are equal.
    /// </summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "GPipe",
        "1F1B",
        "Interleaved1F1B",
        "InterleavedZeroBubble",
        "ZB1P",
        "ZBVZeroBubble",
        "DualPipe",
        "DualPipeV",
    ];

    /// <summary>Creates a schedule by name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="rankCount">Number of ranks.</param>
    /// <param name="microBatchCount">Number of micro-batches.</param>
    /// <param name="stagesPerRank">Stages per rank; read by the interleaved schedules only.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">The name is unknown.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A count breaks a rule of the schedule.</exception>
    /// <exception cref="NotSupportedException">Interleaved zero bubble with more than one stage per rank.</exception>
    public static PipelineSchedule Create(
        string name,
        int rankCount,
        int microBatchCount,
        int stagesPerRank = 1
    )
    {
        ArgumentNullException.ThrowIfNull(name);
        switch (name.ToUpperInvariant())
        {
            case "GPIPE":
                return PipelineSchedules.GPipe(rankCount, microBatchCount);
            case "1F1B":
                return PipelineSchedules.OneForwardOneBackward(rankCount, microBatchCount);
            case "INTERLEAVED1F1B":
                return PipelineSchedules.Interleaved1F1B(rankCount, microBatchCount, stagesPerRank);
            case "INTERLEAVEDZEROBUBBLE" when stagesPerRank != 1:
                throw new NotSupportedException(
                    $"interleaved zero bubble is implemented for one stage per rank (ZB-H1), not for {stagesPerRank}"
                );
            case "INTERLEAVEDZEROBUBBLE" or "ZB1P":
                return PipelineSchedules.ZeroBubbleH1(rankCount, microBatchCount);
            case "ZBVZEROBUBBLE":
                return PipelineSchedules.ZeroBubbleV(rankCount, microBatchCount);
            case "DUALPIPE":
                return PipelineSchedules.DualPipe(rankCount, microBatchCount);
            case "DUALPIPEV":
                return PipelineSchedules.DualPipeV(rankCount, microBatchCount);
            default:
                throw new ArgumentException(
                    $"unknown schedule '{name}'; expected one of {string.Join(", ", Names)}",
                    nameof(name)
                );
        }
    }

    /// <summary>Creates a schedule by kind.</summary>
    /// <param name="kind">Any kind but <see cref="PipelineScheduleKind.Custom"/>.</param>
    /// <param name="rankCount">Number of ranks.</param>
    /// <param name="microBatchCount">Number of micro-batches.</param>
    /// <param name="stagesPerRank">Stages per rank; read by interleaved 1F1B only.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The kind is custom, or a count breaks a rule.</exception>
    public static PipelineSchedule Create(
        PipelineScheduleKind kind,
        int rankCount,
        int microBatchCount,
        int stagesPerRank = 1
    ) =>
        kind switch
        {
            PipelineScheduleKind.GPipe => PipelineSchedules.GPipe(rankCount, microBatchCount),
            PipelineScheduleKind.OneForwardOneBackward => PipelineSchedules.OneForwardOneBackward(
                rankCount,
                microBatchCount
            ),
            PipelineScheduleKind.Interleaved1F1B => PipelineSchedules.Interleaved1F1B(
                rankCount,
                microBatchCount,
                stagesPerRank
            ),
            PipelineScheduleKind.ZeroBubbleH1 => PipelineSchedules.ZeroBubbleH1(
                rankCount,
                microBatchCount
            ),
            PipelineScheduleKind.ZeroBubbleV => PipelineSchedules.ZeroBubbleV(
                rankCount,
                microBatchCount
            ),
            PipelineScheduleKind.DualPipe => PipelineSchedules.DualPipe(rankCount, microBatchCount),
            PipelineScheduleKind.DualPipeV => PipelineSchedules.DualPipeV(
                rankCount,
                microBatchCount
            ),
            _ => throw new ArgumentOutOfRangeException(
                nameof(kind),
                kind,
                "expected the kind of a generated schedule"
            ),
        };
}
