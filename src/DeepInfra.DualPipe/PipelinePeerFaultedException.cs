// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe;

/// <summary>Another rank failed, so this rank cannot go on.</summary>
public sealed class PipelinePeerFaultedException : PipelineException
{
    /// <summary>Creates an exception without details.</summary>
    public PipelinePeerFaultedException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public PipelinePeerFaultedException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public PipelinePeerFaultedException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Creates an exception from the reason of the abort.</summary>
    /// <param name="abort">Which rank failed first, and why.</param>
    public PipelinePeerFaultedException(AbortInfo abort)
        : base($"rank {abort?.Rank} failed at {abort?.Action}: {abort?.Message}") => Abort = abort;

    /// <summary>Which rank failed first, and why.</summary>
    public AbortInfo? Abort { get; }
}
