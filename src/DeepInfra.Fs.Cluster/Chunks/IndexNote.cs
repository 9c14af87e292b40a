// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>What is to be remembered of an update, written in one batch with the record of its chunk.</summary>
/// <param name="Key">Whose last update it is.</param>
/// <param name="Value">What is remembered.</param>
internal readonly record struct IndexNote(byte[] Key, byte[] Value);
