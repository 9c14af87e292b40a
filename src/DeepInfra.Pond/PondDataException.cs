// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Data do not fit what the plan asks for.</summary>
public class PondDataException : PondTaskException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondDataException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondDataException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondDataException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>File that holds the data, when it is known.</summary>
    public string? File { get; internal set; }

    /// <summary>Line or row in the file, counted from 1, when it is known.</summary>
    public long? Line { get; internal set; }
}
