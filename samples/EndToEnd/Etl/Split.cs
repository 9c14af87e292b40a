// SPDX-License-Identifier: MIT
using EndToEnd.Training;

namespace EndToEnd.Etl;

/// <summary>A part of the documents. One in sixteen is held out: those whose hash begins with 0.</summary>
internal sealed record Split(string Name, string Path, string Condition)
{
    public static Split Train { get; } = new("train", TrainingFlow.TrainPath, "id NOT LIKE '0%'");

    public static Split Validation { get; } =
        new("validation", TrainingFlow.ValidationPath, "id LIKE '0%'");

    public static IReadOnlyList<Split> All { get; } = [Train, Validation];

    /// <summary>Name of the packing step in Pond's observations.</summary>
    public string PackStep => $"pack_{Name}";
}
