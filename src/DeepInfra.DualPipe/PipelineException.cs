// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.DualPipe;

/// <summary>Base of every exception that this package defines.</summary>
public class PipelineException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PipelineException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public PipelineException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public PipelineException(string message, Exception innerException)
        : base(message, innerException) { }
}
