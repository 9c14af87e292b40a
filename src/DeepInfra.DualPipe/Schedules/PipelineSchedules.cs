// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// Schedule generators. Every schedule is complete (sends, receives and commits included) and free of
/// deadlock. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// var schedule = PipelineSchedules.DualPipe(rankCount: 8, microBatchCount: 24);
/// ScheduleValidator.Validate(schedule).ThrowIfInvalid();
/// </code>
/// </example>
public static class PipelineSchedules
{
    /// <summary>
    /// DualPipe (DeepSeek-V3, arXiv 2412.19437): two copies of the model run in opposite directions.
    /// Rank r hosts stage r (slot 0) and stage P-1-r (slot 1). Micro-batch c of direction d has the
    /// global index d*C/2 + c.
    /// </summary>
    /// <param name="rankCount">Number of ranks P; even, >= 2.</param>
    /// <param name="microBatchCount">Number of micro-batches C of both directions; even, >= 2P.</param>
    /// <param name="forwardOnly">True for a schedule without gradients.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count breaks its rule.</exception>
    public static PipelineSchedule DualPipe(
        int rankCount,
        int microBatchCount,
        bool forwardOnly = false
    )
    {
        CheckRanks(rankCount, 2);
        if (rankCount % 2 != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(rankCount),
                rankCount,
                "DualPipe needs an even number of ranks"
            );
        }

        if (microBatchCount % 2 != 0 || microBatchCount < 2 * rankCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(microBatchCount),
                microBatchCount,
                $"DualPipe needs an even number of micro-batches >= 2 * ranks = {2 * rankCount}"
            );
        }

        var placement = StagePlacement.Bidirectional(rankCount, microBatchCount);
        return Build(
            PipelineScheduleKind.DualPipe,
            placement,
            microBatchCount,
            forwardOnly,
            rank => DualPipeGenerator.Generate(placement, microBatchCount, rank, vShape: false)
        );
    }

    /// <summary>
    /// DualPipeV: one copy of the model cut into 2P stages that run down on slot 0 and back up on slot 1.
    /// Rank 0 reads the inputs and owns the loss.
    /// </summary>
    /// <param name="rankCount">Number of ranks P; >= 1.</param>
    /// <param name="microBatchCount">Number of micro-batches C; >= 2P, any parity.</param>
    /// <param name="forwardOnly">True for a schedule without gradients.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count breaks its rule.</exception>
    public static PipelineSchedule DualPipeV(
        int rankCount,
        int microBatchCount,
        bool forwardOnly = false
    )
    {
        CheckRanks(rankCount, 1);
        if (microBatchCount < 2 * rankCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(microBatchCount),
                microBatchCount,
                $"DualPipeV needs at least 2 * ranks = {2 * rankCount} micro-batches"
            );
        }

        var placement = StagePlacement.VShape(rankCount);
        return Build(
            PipelineScheduleKind.DualPipeV,
            placement,
            microBatchCount,
            forwardOnly,
            rank => DualPipeGenerator.Generate(placement, microBatchCount, rank, vShape: true)
        );
    }

    /// <summary>GPipe: all forwards in order, then all backwards in order.</summary>
    /// <param name="rankCount">Number of ranks P = number of stages; >= 1.</param>
    /// <param name="microBatchCount">Number of micro-batches M; >= 1.</param>
    /// <param name="forwardOnly">True for a schedule without gradients.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is below 1.</exception>
    public static PipelineSchedule GPipe(
        int rankCount,
        int microBatchCount,
        bool forwardOnly = false
    )
    {
        CheckCounts(rankCount, microBatchCount);
        return BuildCompute(
            PipelineScheduleKind.GPipe,
            StagePlacement.Linear(rankCount),
            microBatchCount,
            forwardOnly,
            list => ClassicGenerators.GPipe(list, microBatchCount)
        );
    }

    /// <summary>1F1B: P-1-r warm-up forwards, then forward and backward in turn, then the remaining backwards.</summary>
    /// <param name="rankCount">Number of ranks P = number of stages; >= 1.</param>
    /// <param name="microBatchCount">Number of micro-batches M; >= 1.</param>
    /// <param name="forwardOnly">True for a schedule without gradients.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is below 1.</exception>
    public static PipelineSchedule OneForwardOneBackward(
        int rankCount,
        int microBatchCount,
        bool forwardOnly = false
    )
    {
        CheckCounts(rankCount, microBatchCount);
        return BuildCompute(
            PipelineScheduleKind.OneForwardOneBackward,
            StagePlacement.Linear(rankCount),
            microBatchCount,
            forwardOnly,
            list => ClassicGenerators.OneForwardOneBackward(list, rankCount, microBatchCount)
        );
    }

    /// <summary>
    /// Interleaved 1F1B (Megatron-LM): every rank hosts v stages, stage s on rank s mod P. Micro-batches go
    /// in rounds of M / R with R = max(1, M / P).
    /// </summary>
    /// <param name="rankCount">Number of ranks P; >= 1.</param>
    /// <param name="microBatchCount">Number of micro-batches M; a multiple of R.</param>
    /// <param name="stagesPerRank">Stages per rank v; >= 1.</param>
    /// <param name="forwardOnly">True for a schedule without gradients.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count breaks its rule.</exception>
    public static PipelineSchedule Interleaved1F1B(
        int rankCount,
        int microBatchCount,
        int stagesPerRank,
        bool forwardOnly = false
    )
    {
        CheckCounts(rankCount, microBatchCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(stagesPerRank, 1);
        var rounds = Math.Max(1, microBatchCount / rankCount);
        if (microBatchCount % rounds != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(microBatchCount),
                microBatchCount,
                $"interleaved 1F1B needs a multiple of the number of rounds max(1, M / P) = {rounds}"
            );
        }

        return BuildCompute(
            PipelineScheduleKind.Interleaved1F1B,
            StagePlacement.Looped(rankCount, stagesPerRank),
            microBatchCount,
            forwardOnly,
            list =>
                ClassicGenerators.Interleaved(
                    list,
                    rankCount,
                    microBatchCount,
                    stagesPerRank,
                    microBatchCount / rounds
                )
        );
    }

    /// <summary>
    /// ZB-H1 (arXiv 2401.10241): the order of 1F1B with split backward; weight passes are delayed so far that
    /// every rank holds as many activations as rank 0 of 1F1B.
    /// </summary>
    /// <param name="rankCount">Number of ranks P = number of stages; >= 1.</param>
    /// <param name="microBatchCount">Number of micro-batches M; >= 1.</param>
    /// <param name="forwardOnly">True for a schedule without gradients.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is below 1.</exception>
    public static PipelineSchedule ZeroBubbleH1(
        int rankCount,
        int microBatchCount,
        bool forwardOnly = false
    )
    {
        CheckCounts(rankCount, microBatchCount);
        return BuildCompute(
            PipelineScheduleKind.ZeroBubbleH1,
            StagePlacement.Linear(rankCount),
            microBatchCount,
            forwardOnly,
            list => ClassicGenerators.ZeroBubbleH1(list, rankCount, microBatchCount)
        );
    }

    /// <summary>
    /// ZBV (arXiv 2401.10241): split backward on a V-shaped placement of 2P stages. Generated for
    /// max(M, 2P-1) micro-batches and truncated to M.
    /// </summary>
    /// <param name="rankCount">Number of ranks P; >= 1.</param>
    /// <param name="microBatchCount">Number of micro-batches M; >= 1.</param>
    /// <param name="forwardOnly">True for a schedule without gradients.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is below 1.</exception>
    public static PipelineSchedule ZeroBubbleV(
        int rankCount,
        int microBatchCount,
        bool forwardOnly = false
    )
    {
        CheckCounts(rankCount, microBatchCount);
        return BuildCompute(
            PipelineScheduleKind.ZeroBubbleV,
            StagePlacement.VShape(rankCount),
            microBatchCount,
            forwardOnly,
            list => ClassicGenerators.ZeroBubbleV(list, rankCount, microBatchCount)
        );
    }

    private static PipelineSchedule BuildCompute(
        PipelineScheduleKind kind,
        StagePlacement placement,
        int microBatchCount,
        bool forwardOnly,
        Action<ComputeListBuilder> generate
    )
    {
        var compute = Build(
            kind,
            placement,
            microBatchCount,
            forwardOnly: false,
            rank =>
            {
                var list = new ComputeListBuilder(placement, rank, microBatchCount);
                generate(list);
                return list.Finish();
            }
        );
        return CommunicationInserter.Insert(forwardOnly ? compute.ToForwardOnly() : compute);
    }

    private static PipelineSchedule Build(
        PipelineScheduleKind kind,
        StagePlacement placement,
        int microBatchCount,
        bool forwardOnly,
        Func<int, ImmutableArray<PipelineAction>> rankActions
    )
    {
        var lists = new ImmutableArray<PipelineAction>[placement.RankCount];
        for (var rank = 0; rank < lists.Length; rank++)
        {
            lists[rank] = rankActions(rank);
        }

        var schedule = new PipelineSchedule(kind, placement, microBatchCount, false, lists);
        return forwardOnly ? schedule.ToForwardOnly() : schedule;
    }

    private static void CheckCounts(int rankCount, int microBatchCount)
    {
        CheckRanks(rankCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatchCount, 1);
    }

    private static void CheckRanks(int rankCount, int minimum)
    {
        if (rankCount < minimum || rankCount > short.MaxValue / 2)
        {
            throw new ArgumentOutOfRangeException(
                nameof(rankCount),
                rankCount,
                $"expected {minimum} <= ranks <= {short.MaxValue / 2}"
            );
        }
    }
}
