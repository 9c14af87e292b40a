// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A job stopped because tasks failed. <see cref="Errors"/> has every cause.</summary>
public sealed class PondJobFailedException : PondException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PondJobFailedException()
        : this("The job failed.") { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and where.</param>
    public PondJobFailedException(string message)
        : base(message) => Errors = [];

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and where.</param>
    /// <param name="innerException">The cause.</param>
    public PondJobFailedException(string message, Exception innerException)
        : base(message, innerException) =>
        Errors = innerException is PondTaskException task ? [task] : [];

    internal PondJobFailedException(string message, IReadOnlyList<PondTaskException> errors)
        : base(message, errors[0]) => Errors = errors;

    /// <summary>One exception per failed task, in the order in which they failed.</summary>
    public IReadOnlyList<PondTaskException> Errors { get; }
}
