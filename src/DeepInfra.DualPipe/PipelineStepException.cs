// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;

namespace DeepInfra.DualPipe;

/// <summary>A step failed. <see cref="Exception.InnerException"/> is the root cause.</summary>
public sealed class PipelineStepException : PipelineException
{
    /// <summary>Creates an exception without details.</summary>
    public PipelineStepException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public PipelineStepException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public PipelineStepException(string message, Exception innerException)
        : base(message, innerException) { }

    internal PipelineStepException(
        RankFailure root,
        IReadOnlyList<RankFailure> failures,
        bool gradientsDirty
    )
        : base(
            $"rank {root.Rank} failed at action {root.ActionIndex} ({root.Action}): {root.Exception.Message}",
            root.Exception
        )
    {
        RankFailures = failures;
        GradientsDirty = gradientsDirty;
    }

    /// <summary>What each failed rank of this process reported, the root cause included, in rank order.</summary>
    public IReadOnlyList<RankFailure> RankFailures { get; } = [];

    /// <summary>True when weight gradients may be partially accumulated: zero them before the next step.</summary>
    public bool GradientsDirty { get; }
}
