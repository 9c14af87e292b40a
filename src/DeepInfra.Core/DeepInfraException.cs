// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>
/// Base of every exception that DeepInfra packages define. Broken arguments are reported with the
/// <see cref="ArgumentException"/> family instead.
/// </summary>
public class DeepInfraException : Exception
{
    /// <summary>Creates an exception with a default message.</summary>
    public DeepInfraException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and, where possible, what to do about it.</param>
    public DeepInfraException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and, where possible, what to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public DeepInfraException(string message, Exception innerException)
        : base(message, innerException) { }
}
