// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe;

/// <summary>A rank waited longer than the receive timeout. The message lists what it waited for.</summary>
public sealed class PipelineTimeoutException : PipelineException
{
    /// <summary>Creates an exception without details.</summary>
    public PipelineTimeoutException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">Pending messages and the last completed action.</param>
    public PipelineTimeoutException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">Pending messages and the last completed action.</param>
    /// <param name="innerException">The cause.</param>
    public PipelineTimeoutException(string message, Exception innerException)
        : base(message, innerException) { }
}
