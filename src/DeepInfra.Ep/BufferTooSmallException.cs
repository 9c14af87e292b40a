// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>A call needs more room than its buffer, or its worst-case row count, provides.</summary>
public sealed class BufferTooSmallException : EpException
{
    /// <summary>Creates an exception with a default message.</summary>
    public BufferTooSmallException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public BufferTooSmallException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public BufferTooSmallException(string message, Exception innerException)
        : base(message, innerException) { }

    internal BufferTooSmallException(string what, long needed, long available, string unit)
        : base($"{what}: needs {needed} {unit}, has {available}")
    {
        Needed = needed;
        Available = available;
    }

    /// <summary>What the call needs, in the unit that the message names.</summary>
    public long Needed { get; }

    /// <summary>What there is.</summary>
    public long Available { get; }
}
