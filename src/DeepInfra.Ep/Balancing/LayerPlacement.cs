// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Balancing;

/// <summary>Placement of one layer, by physical expert.</summary>
/// <param name="Logical">[P]: the expert of each physical slot.</param>
/// <param name="ReplicaRank">[P]: which replica of its expert a slot holds.</param>
internal readonly record struct LayerPlacement(int[] Logical, int[] ReplicaRank);
