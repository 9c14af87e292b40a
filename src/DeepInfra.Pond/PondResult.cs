// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Sizes of a computed frame.</summary>
/// <param name="PartitionRows">Rows of each partition; -1 where a source file's count is not known.</param>
/// <param name="Bytes">Bytes of the stored files.</param>
public sealed record PondResult(IReadOnlyList<long> PartitionRows, long Bytes)
{
    /// <summary>Rows of all partitions; -1 when one is not known.</summary>
    public long Rows => PartitionRows.Any(r => r < 0) ? -1 : PartitionRows.Sum();
}
