// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Where a user function runs.</summary>
/// <param name="Partition">Partition that is being computed, counted from 0.</param>
/// <param name="PartitionCount">Number of partitions.</param>
/// <param name="Attempt">Number of the attempt, counted from 1.</param>
/// <param name="CancellationToken">Fires when the result is no longer wanted.</param>
public sealed record PondFunctionContext(
    int Partition,
    int PartitionCount,
    int Attempt,
    CancellationToken CancellationToken
);
