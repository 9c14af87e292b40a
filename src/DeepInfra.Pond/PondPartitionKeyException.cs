// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A partition key is NULL or outside of the partition range.</summary>
public class PondPartitionKeyException : PondDataException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondPartitionKeyException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondPartitionKeyException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondPartitionKeyException(string message, Exception innerException)
        : base(message, innerException) { }
}
