// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>A routing table holds an expert id outside -1..E-1, or one expert twice in a row.</summary>
public sealed class InvalidRoutingException : EpException
{
    /// <summary>Creates an exception with a default message.</summary>
    public InvalidRoutingException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public InvalidRoutingException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public InvalidRoutingException(string message, Exception innerException)
        : base(message, innerException) { }

    internal InvalidRoutingException(string message, int rank, long token, int position, long value)
        : base(message)
    {
        Rank = rank;
        Token = token;
        Position = position;
        Value = value;
    }

    /// <summary>The rank that owns the routing table, or -1.</summary>
    public int Rank { get; } = -1;

    /// <summary>The token (row), or -1.</summary>
    public long Token { get; } = -1;

    /// <summary>The selection within the row, or -1.</summary>
    public int Position { get; } = -1;

    /// <summary>The offending value.</summary>
    public long Value { get; }
}
