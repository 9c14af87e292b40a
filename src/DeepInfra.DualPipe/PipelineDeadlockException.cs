// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe;

/// <summary>A schedule cannot finish: some ranks wait for each other.</summary>
public sealed class PipelineDeadlockException : PipelineScheduleException
{
    /// <summary>Creates an exception without details.</summary>
    public PipelineDeadlockException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">Who waits for whom.</param>
    public PipelineDeadlockException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">Who waits for whom.</param>
    /// <param name="innerException">The cause.</param>
    public PipelineDeadlockException(string message, Exception innerException)
        : base(message, innerException) { }

    internal PipelineDeadlockException(TransportModel model, ImmutableArray<RankWait> waits)
        : base($"deadlock with {model} transport: {string.Join("; ", waits)}") => Waits = waits;

    /// <summary>The cycle of waits, or the chain that ends at a rank that has finished.</summary>
    public ImmutableArray<RankWait> Waits { get; } = [];
}
