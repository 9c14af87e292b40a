// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Schedules;

/// <summary>Which rank runs which stage. Implementations are immutable and thread-safe.</summary>
public interface IStagePlacement
{
    /// <summary>Number of pipeline ranks P.</summary>
    int RankCount { get; }

    /// <summary>Number of logical stages S.</summary>
    int StageCount { get; }

    /// <summary>Number of stages that each rank hosts.</summary>
    int SlotCount { get; }

    /// <summary>1, or 2 when two copies of the model run in opposite directions.</summary>
    int DirectionCount { get; }

    /// <summary>Rank that runs a stage for a micro-batch.</summary>
    /// <param name="stage">Stage 0..S-1.</param>
    /// <param name="microBatch">Global micro-batch index.</param>
    /// <returns>Pipeline rank.</returns>
    int RankOf(int stage, int microBatch);

    /// <summary>Slot in which a rank hosts a stage for a micro-batch.</summary>
    /// <param name="rank">Pipeline rank.</param>
    /// <param name="stage">Stage 0..S-1.</param>
    /// <param name="microBatch">Global micro-batch index.</param>
    /// <returns>The slot, or -1 when the rank does not run that stage for that micro-batch.</returns>
    int SlotOf(int rank, int stage, int microBatch);

    /// <summary>Stage that a rank hosts in a slot.</summary>
    /// <param name="rank">Pipeline rank.</param>
    /// <param name="slot">Slot 0..<see cref="SlotCount"/>-1.</param>
    /// <returns>The stage.</returns>
    int StageOf(int rank, int slot);

    /// <summary>Direction (0 or 1) that a micro-batch belongs to.</summary>
    /// <param name="microBatch">Global micro-batch index.</param>
    /// <returns>The direction.</returns>
    int DirectionOf(int microBatch);

    /// <summary>True for the stage that reads the inputs.</summary>
    /// <param name="stage">Stage.</param>
    /// <returns>Whether it is the first.</returns>
    bool IsFirst(int stage);

    /// <summary>True for the stage that owns the loss.</summary>
    /// <param name="stage">Stage.</param>
    /// <returns>Whether it is the last.</returns>
    bool IsLast(int stage);
}
