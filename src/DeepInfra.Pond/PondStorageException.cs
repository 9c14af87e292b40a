// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Storage refused an operation: disk full, permission denied, target exists.</summary>
public class PondStorageException : PondTaskException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondStorageException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondStorageException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondStorageException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Path of the file or directory.</summary>
    public string? Path { get; internal set; }

    /// <summary>Free bytes on the volume when the error was reported, when they are known.</summary>
    public long? FreeBytes { get; internal set; }

    internal bool Transient { get; set; } = true;

    internal override bool IsTransient => Transient;
}
