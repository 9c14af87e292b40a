// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>An option or an environment variable has a value that cannot be used.</summary>
public class PondConfigurationException : PondException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondConfigurationException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondConfigurationException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondConfigurationException(string message, Exception innerException)
        : base(message, innerException) { }
}
