// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>A handle belongs to another buffer, to an earlier generation of the group, or was disposed.</summary>
public sealed class StaleHandleException : EpException
{
    /// <summary>Creates an exception with a default message.</summary>
    public StaleHandleException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public StaleHandleException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public StaleHandleException(string message, Exception innerException)
        : base(message, innerException) { }
}
