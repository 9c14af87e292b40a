// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Columns or types differ from what is required.</summary>
public class PondSchemaException : PondDataException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondSchemaException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondSchemaException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondSchemaException(string message, Exception innerException)
        : base(message, innerException) { }
}
