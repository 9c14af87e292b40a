// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>
/// Ranks made different calls, or the same call with different shapes or options. Thrown on every rank; nothing
/// was transferred and the buffer remains usable.
/// </summary>
public sealed class CollectiveMismatchException : EpException
{
    /// <summary>Creates an exception with a default message.</summary>
    public CollectiveMismatchException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What differs.</param>
    public CollectiveMismatchException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What differs.</param>
    /// <param name="innerException">The cause.</param>
    public CollectiveMismatchException(string message, Exception innerException)
        : base(message, innerException) { }
}
