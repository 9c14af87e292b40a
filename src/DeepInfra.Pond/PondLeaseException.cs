// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Another live session owns the job directory.</summary>
public class PondLeaseException : PondException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondLeaseException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondLeaseException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondLeaseException(string message, Exception innerException)
        : base(message, innerException) { }
}
