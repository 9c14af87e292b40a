// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Where a user function runs, and a place for what it measures.</summary>
public sealed class PondFunctionContext
{
    private readonly Dictionary<string, double> _observations = new(StringComparer.Ordinal);

    internal PondFunctionContext(
        int partition,
        int partitionCount,
        int attempt,
        CancellationToken cancellationToken
    )
    {
        Partition = partition;
        PartitionCount = partitionCount;
        Attempt = attempt;
        CancellationToken = cancellationToken;
    }

    /// <summary>Partition that is being computed, counted from 0.</summary>
    public int Partition { get; }

    /// <summary>Number of partitions.</summary>
    public int PartitionCount { get; }

    /// <summary>Number of the attempt, counted from 1.</summary>
    public int Attempt { get; }

    /// <summary>Fires when the result is no longer wanted.</summary>
    public CancellationToken CancellationToken { get; }

    internal IReadOnlyDictionary<string, double> Observations => _observations;

    /// <summary>
    /// Adds to a value that <see cref="PondSession.GetObservations"/> shows under the name of the frame, summed
    /// over the partitions. Only the attempt that succeeds counts. Call it from the function's own thread.
    /// </summary>
    /// <param name="name">Name of the value.</param>
    /// <param name="value">Amount to add.</param>
    public void Observe(string name, double value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        _observations[name] = _observations.GetValueOrDefault(name) + value;
    }
}
