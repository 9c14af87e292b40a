// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster;

/// <summary>Result of reading all chunks.</summary>
/// <param name="Chunks">Chunks that were read.</param>
/// <param name="Damaged">One line per damaged chunk: which chunk, which bytes, which file.</param>
public sealed record ChunkVerification(long Chunks, IReadOnlyList<string> Damaged);
