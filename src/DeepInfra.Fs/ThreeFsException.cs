// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Fs;

/// <summary>
/// A failure of a 3FS operation. It carries the protocol's status code and says which path, chunk or node it
/// concerns. Where a caller would look for a class of the base library (<see cref="FileNotFoundException"/>,
/// <see cref="UnauthorizedAccessException"/>, …) that class is thrown and this exception is its inner exception.
/// </summary>
public sealed class ThreeFsException : DeepInfraException
{
    /// <summary>Creates the exception.</summary>
    public ThreeFsException()
        : this(StatusCode.Unknown, "3FS operation failed") { }

    /// <summary>Creates the exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public ThreeFsException(string message)
        : this(StatusCode.Unknown, message) { }

    /// <summary>Creates the exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public ThreeFsException(string message, Exception innerException)
        : this(StatusCode.Unknown, message, innerException: innerException) { }

    /// <summary>Creates the exception.</summary>
    /// <param name="code">The status code.</param>
    /// <param name="message">What happened, with the server's message where there is one.</param>
    /// <param name="path">The file, directory or object concerned, if known.</param>
    /// <param name="hint">What can be done about it, if known.</param>
    /// <param name="innerException">The cause, if any.</param>
    public ThreeFsException(
        StatusCode code,
        string message,
        string? path = null,
        string? hint = null,
        Exception? innerException = null
    )
        : base(Compose(code, message, path, hint), innerException!)
    {
        StatusCode = code;
        Path = path;
        Hint = hint;
    }

    /// <summary>The status code, as the server sent it or as the client found it.</summary>
    public StatusCode StatusCode { get; }

    /// <summary>The file, directory or object concerned, if known.</summary>
    public string? Path { get; }

    /// <summary>What can be done about it, if known.</summary>
    public string? Hint { get; }

    private static string Compose(StatusCode code, string message, string? path, string? hint)
    {
        var text = $"{message} [{code} {(int)code}]";
        if (path is not null)
        {
            text += $" ({path})";
        }

        return hint is null ? text : $"{text}; {hint}";
    }
}
