// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>Which stage a rank hosts in which slot.</summary>
/// <param name="Rank">Pipeline rank.</param>
/// <param name="Slot">Slot on the rank.</param>
/// <param name="Stage">Logical stage.</param>
/// <param name="StageCount">Number of logical stages.</param>
public readonly record struct StageLocation(int Rank, int Slot, int Stage, int StageCount)
{
    /// <summary>True for the stage that reads the inputs.</summary>
    public bool IsFirst => Stage == 0;

    /// <summary>True for the stage that owns the loss.</summary>
    public bool IsLast => Stage == StageCount - 1;
}
