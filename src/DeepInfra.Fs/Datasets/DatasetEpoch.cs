// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Datasets;

/// <summary>One pass over a dataset in shuffled order.</summary>
/// <param name="BatchSize">Records in a batch of one rank.</param>
/// <param name="Seed">Seed of the order; the same seed and epoch give the same order everywhere.</param>
public sealed record DatasetEpoch(int BatchSize, ulong Seed)
{
    /// <summary>Number of the pass; each has an order of its own.</summary>
    public int Epoch { get; init; }

    /// <summary>Number of this reader among <see cref="WorldSize"/>.</summary>
    public int Rank { get; init; }

    /// <summary>Number of readers that share the records.</summary>
    public int WorldSize { get; init; } = 1;

    /// <summary>Batch to start with: <see cref="DatasetBatch.Next"/> of the last batch before an interruption.</summary>
    public long StartBatch { get; init; }

    /// <summary>Whether the order is shuffled; otherwise it is that of the index.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Batches read ahead while the caller works on the present one.</summary>
    public int PrefetchBatches { get; init; } = 2;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(BatchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(WorldSize);
        ArgumentOutOfRangeException.ThrowIfNegative(Rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Rank, WorldSize);
        ArgumentOutOfRangeException.ThrowIfNegative(StartBatch);
        ArgumentOutOfRangeException.ThrowIfNegative(PrefetchBatches);
    }
}
