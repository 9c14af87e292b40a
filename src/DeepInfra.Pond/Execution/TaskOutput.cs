// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>What a task produced: one set of files per slot, and small values.</summary>
internal sealed class TaskOutput
{
    public required IReadOnlyList<FileSet> Slots { get; init; }

    /// <summary>Small text result, such as the split points of a range partition.</summary>
    public string? Payload { get; init; }

    /// <summary>Values measured by <see cref="PondFrame.Observe"/>.</summary>
    public IReadOnlyDictionary<string, double> Observations { get; init; } =
        new Dictionary<string, double>();

    /// <summary>Directory of the committed files, or null when the task has none of its own.</summary>
    public string? Directory { get; init; }

    public long Rows => FileSet.TotalRows(Slots);

    public long Bytes => Slots.Sum(s => s.Bytes);
}
