// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>DuckDB rejected a query: syntax, unknown name or type clash.</summary>
public class PondSqlException : PondTaskException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondSqlException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondSqlException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondSqlException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>The query that was rejected.</summary>
    public string? Sql { get; internal set; }
}
