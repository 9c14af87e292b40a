// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A task failed while it ran. The message names the task, its partition and the cause.</summary>
public class PondTaskException : PondException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondTaskException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondTaskException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondTaskException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Content key of the task, 32 hexadecimal digits.</summary>
    public string? TaskKey { get; internal set; }

    /// <summary>Partition that the task was producing, counted from 0.</summary>
    public int? Partition { get; internal set; }

    /// <summary>Attempt that failed, counted from 1.</summary>
    public int? Attempt { get; internal set; }

    /// <summary>Whether running the same task again can succeed.</summary>
    internal virtual bool IsTransient => false;
}
