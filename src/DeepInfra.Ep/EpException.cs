// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>Base of the errors that expert-parallel communication reports; broken arguments are <see cref="ArgumentException"/>s.</summary>
public class EpException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public EpException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public EpException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public EpException(string message, Exception innerException)
        : base(message, innerException) { }
}
