// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>A replication chain: writes enter at its first target and move along.</summary>
/// <param name="Id">Chain id.</param>
/// <param name="Version">Grows with every change of the chain.</param>
/// <param name="Targets">The replicas in chain order.</param>
public sealed record ThreeFsChain(uint Id, uint Version, IReadOnlyList<ThreeFsTarget> Targets);
