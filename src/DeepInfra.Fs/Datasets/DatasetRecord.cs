// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Datasets;

/// <summary>Where a record lies.</summary>
/// <param name="Path">The file.</param>
/// <param name="Offset">Position in the file in bytes.</param>
/// <param name="Length">Length in bytes.</param>
public readonly record struct DatasetRecord(string Path, long Offset, int Length);
