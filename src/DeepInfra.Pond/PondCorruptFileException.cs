// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A file is missing, truncated, changed or not in the stated format. The message names it.</summary>
public class PondCorruptFileException : PondDataException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondCorruptFileException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondCorruptFileException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondCorruptFileException(string message, Exception innerException)
        : base(message, innerException) { }
}
