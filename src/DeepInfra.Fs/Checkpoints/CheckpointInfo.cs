// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Checkpoints;

/// <summary>A complete checkpoint.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Saved">When its manifest was written.</param>
/// <param name="Bytes">Bytes of all tensors.</param>
/// <param name="Metadata">What the caller stored with it.</param>
/// <param name="Tensors">Its tensors.</param>
public sealed record CheckpointInfo(
    string Name,
    DateTimeOffset Saved,
    long Bytes,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<CheckpointTensor> Tensors
);
