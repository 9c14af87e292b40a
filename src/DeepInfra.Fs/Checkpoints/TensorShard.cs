// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Checkpoints;

/// <summary>A tensor, or a rank's part of one, to be saved.</summary>
/// <param name="Name">Name within the checkpoint; unique.</param>
/// <param name="ElementType">Name of the element type, such as <c>Single</c>; the store does not interpret it.</param>
/// <param name="Shape">Dimensions; the store does not interpret them.</param>
/// <param name="Data">The elements as bytes; they must not change until saving has completed.</param>
public sealed record TensorShard(
    string Name,
    string ElementType,
    IReadOnlyList<long> Shape,
    ReadOnlyMemory<byte> Data
);
