// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>
/// A native library is not on this machine, or none of the files found could be loaded. The message lists every place
/// that was tried with what the loader said, and what to install or set.
/// </summary>
public sealed class NativeLibraryNotFoundException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public NativeLibraryNotFoundException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What is missing and what to do about it.</param>
    public NativeLibraryNotFoundException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What is missing and what to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public NativeLibraryNotFoundException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Creates an exception that lists the attempts.</summary>
    /// <param name="libraryName">The library.</param>
    /// <param name="remedy">What to install or set.</param>
    /// <param name="attempts">One line per place: path or name, and what the loader said.</param>
    public NativeLibraryNotFoundException(
        string libraryName,
        string remedy,
        IReadOnlyList<string> attempts
    )
        : base(
            $"{libraryName} could not be loaded. {remedy} Tried:"
                + string.Concat((attempts ?? []).Select(a => $"\n  {a}"))
        )
    {
        LibraryName = libraryName;
        Attempts = attempts ?? [];
    }

    /// <summary>The library that was looked for.</summary>
    public string LibraryName { get; } = "";

    /// <summary>What was tried, in order, with the loader's answers.</summary>
    public IReadOnlyList<string> Attempts { get; } = [];
}
