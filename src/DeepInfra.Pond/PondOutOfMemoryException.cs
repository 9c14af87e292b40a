// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A task exceeds its memory limit although it may spill.</summary>
public class PondOutOfMemoryException : PondTaskException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondOutOfMemoryException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondOutOfMemoryException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondOutOfMemoryException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Memory limit of the last attempt, in bytes.</summary>
    public long? LimitBytes { get; internal set; }

    internal override bool IsTransient => true;
}
