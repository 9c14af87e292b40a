// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Checkpoints;

/// <summary>A saved tensor as the manifest describes it.</summary>
/// <param name="Name">Name within the checkpoint.</param>
/// <param name="ElementType">Name of the element type.</param>
/// <param name="Shape">Dimensions.</param>
/// <param name="File">Number of the data file.</param>
/// <param name="Offset">Position in the data file in bytes; a multiple of 4096.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="Crc32C">CRC-32C of the bytes.</param>
public sealed record CheckpointTensor(
    string Name,
    string ElementType,
    IReadOnlyList<long> Shape,
    int File,
    long Offset,
    long Length,
    uint Crc32C
);
