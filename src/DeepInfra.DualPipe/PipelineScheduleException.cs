// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe;

/// <summary>A schedule is malformed, breaks a rule, deadlocks, or its text form cannot be read.</summary>
public class PipelineScheduleException : PipelineException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PipelineScheduleException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">Which rule is broken, where.</param>
    public PipelineScheduleException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">Which rule is broken, where.</param>
    /// <param name="innerException">The cause.</param>
    public PipelineScheduleException(string message, Exception innerException)
        : base(message, innerException) { }
}
