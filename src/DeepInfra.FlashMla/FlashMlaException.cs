// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>Base of the exceptions that this package defines.</summary>
public class FlashMlaException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public FlashMlaException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public FlashMlaException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public FlashMlaException(string message, Exception innerException)
        : base(message, innerException) { }
}
