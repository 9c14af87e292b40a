// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Options of an engine or a local group. The defaults are valid.</summary>
public sealed record PipelineOptions
{
    /// <summary>Dimension along which inputs, labels and outputs are split and joined. Default 0.</summary>
    public int BatchDimension { get; init; }

    /// <summary>When to wait for messages. Default <see cref="CommunicationMode.Eager"/>.</summary>
    public CommunicationMode CommunicationMode { get; init; } = CommunicationMode.Eager;

    /// <summary>In eager mode, how many receives are posted before they are due. Default 2.</summary>
    public int PrefetchDepth { get; init; } = 2;

    /// <summary>Gradient scaling. Default <see cref="GradientScale.Sum"/>.</summary>
    public GradientScale GradientScale { get; init; } = GradientScale.Sum;

    /// <summary>Longest wait for messages before the step fails. Default 5 minutes.</summary>
    public TimeSpan ReceiveTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Expected tensors per boundary; the key is the stage that consumes the activations. Boundaries
    /// without an entry are not checked.
    /// </summary>
    public IReadOnlyDictionary<int, BoundarySpec>? Boundary { get; init; }

    /// <summary>
    /// Entry g is the pipeline rank of transport rank g; a permutation. Default: the identity.
    /// </summary>
    public ImmutableArray<int> RankMapping { get; init; } = [];

    /// <summary>Weights that several stages share; read by <see cref="ReplicaGradients"/>.</summary>
    public ImmutableArray<TiedParameters> TiedParameters { get; init; } = [];

    /// <summary>Messages that the in-process transport buffers per (source, destination). Default 4.</summary>
    public int TransportCapacity { get; init; } = 4;

    /// <summary>Records start and end of every action. Default false.</summary>
    public bool Trace { get; init; }

    /// <summary>Receives the progress of a step, at most every 100 ms.</summary>
    public IProgress<PipelineProgress>? Progress { get; init; }

    /// <summary>Receives warnings.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    internal void Validate(int rankCount)
    {
        Require(BatchDimension >= 0, nameof(BatchDimension), BatchDimension, ">= 0");
        Require(PrefetchDepth >= 0, nameof(PrefetchDepth), PrefetchDepth, ">= 0");
        Require(TransportCapacity >= 1, nameof(TransportCapacity), TransportCapacity, ">= 1");
        Require(
            ReceiveTimeout > TimeSpan.Zero || ReceiveTimeout == Timeout.InfiniteTimeSpan,
            nameof(ReceiveTimeout),
            ReceiveTimeout,
            "a positive or infinite time"
        );
        var identity = Enumerable.Range(0, rankCount);
        if (!RankMapping.IsDefaultOrEmpty && !RankMapping.Order().SequenceEqual(identity))
        {
            Require(
                false,
                nameof(RankMapping),
                $"[{string.Join(", ", RankMapping)}]",
                $"a permutation of 0..{rankCount - 1}"
            );
        }
    }

    /// <summary>Transport rank per pipeline rank.</summary>
    internal int[] TransportRanks(int rankCount)
    {
        var inverse = new int[rankCount];
        for (var g = 0; g < rankCount; g++)
        {
            inverse[RankMapping.IsDefaultOrEmpty ? g : RankMapping[g]] = g;
        }

        return inverse;
    }

    private static void Require(bool valid, string name, object value, string rule)
    {
        if (!valid)
        {
            throw new ArgumentOutOfRangeException(name, value, $"expected {rule}");
        }
    }
}
