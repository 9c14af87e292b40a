// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A user function threw or returned data that cannot be stored.</summary>
public class PondFunctionException : PondTaskException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondFunctionException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondFunctionException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondFunctionException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Name of the function.</summary>
    public string? Function { get; internal set; }
}
