// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Pond;

/// <summary>Base of every exception that Pond defines.</summary>
public class PondException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Identifier of the job, when one is running.</summary>
    public string? JobId { get; internal set; }

    /// <summary>Identifier of the plan node that failed, when it is known.</summary>
    public int? NodeId { get; internal set; }

    /// <summary>Source file and line that created the plan node, when debug information has it.</summary>
    public string? SourceLocation { get; internal set; }
}
