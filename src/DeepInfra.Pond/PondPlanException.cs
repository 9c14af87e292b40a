// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A frame or an action cannot be planned: unknown column, mismatched partitions, missing input.</summary>
public class PondPlanException : PondException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondPlanException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondPlanException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondPlanException(string message, Exception innerException)
        : base(message, innerException) { }
}
