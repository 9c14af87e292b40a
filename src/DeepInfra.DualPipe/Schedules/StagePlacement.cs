// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Schedules;

/// <summary>The four placements of this package. Immutable and thread-safe.</summary>
public abstract class StagePlacement : IStagePlacement
{
    private StagePlacement(int rankCount, int stageCount, int slotCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rankCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stageCount, short.MaxValue);
        RankCount = rankCount;
        StageCount = stageCount;
        SlotCount = slotCount;
    }

    /// <inheritdoc/>
    public int RankCount { get; }

    /// <inheritdoc/>
    public int StageCount { get; }

    /// <inheritdoc/>
    public int SlotCount { get; }

    /// <inheritdoc/>
    public virtual int DirectionCount => 1;

    /// <summary>Stage s on rank s.</summary>
    /// <param name="rankCount">Number of ranks.</param>
    /// <returns>The placement.</returns>
    public static StagePlacement Linear(int rankCount) => new LoopedPlacement(rankCount, 1);

    /// <summary>Stage s on rank s mod P, in slot s / P.</summary>
    /// <param name="rankCount">Number of ranks P.</param>
    /// <param name="stagesPerRank">Stages per rank v; 255 at most.</param>
    /// <returns>The placement.</returns>
    public static StagePlacement Looped(int rankCount, int stagesPerRank) =>
        new LoopedPlacement(rankCount, stagesPerRank);

    /// <summary>Stage r in slot 0 and stage 2P-1-r in slot 1 of rank r.</summary>
    /// <param name="rankCount">Number of ranks P.</param>
    /// <returns>The placement.</returns>
    public static StagePlacement VShape(int rankCount) => new VPlacement(rankCount);

    /// <summary>
    /// Stage r in slot 0 of rank r for the first half of the micro-batches, stage P-1-r in slot 1 for the
    /// second half.
    /// </summary>
    /// <param name="rankCount">Number of ranks P.</param>
    /// <param name="microBatchCount">Number of micro-batches of both directions together; even.</param>
    /// <returns>The placement.</returns>
    public static StagePlacement Bidirectional(int rankCount, int microBatchCount) =>
        new BidirectionalPlacement(rankCount, microBatchCount);

    /// <inheritdoc/>
    public abstract int RankOf(int stage, int microBatch);

    /// <inheritdoc/>
    public abstract int SlotOf(int rank, int stage, int microBatch);

    /// <inheritdoc/>
    public abstract int StageOf(int rank, int slot);

    /// <inheritdoc/>
    public virtual int DirectionOf(int microBatch) => 0;

    /// <inheritdoc/>
    public bool IsFirst(int stage) => stage == 0;

    /// <inheritdoc/>
    public bool IsLast(int stage) => stage == StageCount - 1;

    private sealed class LoopedPlacement : StagePlacement
    {
        public LoopedPlacement(int rankCount, int stagesPerRank)
            : base(rankCount, checked(rankCount * stagesPerRank), stagesPerRank)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(stagesPerRank, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(stagesPerRank, byte.MaxValue);
        }

        public override int RankOf(int stage, int microBatch) => stage % RankCount;

        public override int SlotOf(int rank, int stage, int microBatch) =>
            (uint)stage < (uint)StageCount && stage % RankCount == rank ? stage / RankCount : -1;

        public override int StageOf(int rank, int slot) => (slot * RankCount) + rank;

        public override string ToString() =>
            SlotCount == 1 ? $"linear({RankCount})" : $"looped({RankCount}, {SlotCount})";
    }

    private sealed class VPlacement(int rankCount)
        : StagePlacement(rankCount, checked(rankCount * 2), 2)
    {
        public override int RankOf(int stage, int microBatch) =>
            stage < RankCount ? stage : StageCount - 1 - stage;

        public override int SlotOf(int rank, int stage, int microBatch) =>
            stage == rank ? 0
            : stage == StageCount - 1 - rank ? 1
            : -1;

        public override int StageOf(int rank, int slot) => slot == 0 ? rank : StageCount - 1 - rank;

        public override string ToString() => $"v({RankCount})";
    }

    private sealed class BidirectionalPlacement : StagePlacement
    {
        private readonly int _half;

        public BidirectionalPlacement(int rankCount, int microBatchCount)
            : base(rankCount, rankCount, 2)
        {
            if (microBatchCount < 2 || microBatchCount % 2 != 0)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(microBatchCount),
                    microBatchCount,
                    "a bidirectional placement needs an even number of micro-batches >= 2"
                );
            }

            _half = microBatchCount / 2;
        }

        public override int DirectionCount => 2;

        public override int RankOf(int stage, int microBatch) =>
            microBatch < _half ? stage : StageCount - 1 - stage;

        public override int SlotOf(int rank, int stage, int microBatch) =>
            microBatch < _half ? (stage == rank ? 0 : -1)
            : stage == StageCount - 1 - rank ? 1
            : -1;

        public override int StageOf(int rank, int slot) => slot == 0 ? rank : StageCount - 1 - rank;

        public override int DirectionOf(int microBatch) => microBatch < _half ? 0 : 1;

        public override string ToString() => $"bidirectional({RankCount})";
    }
}
