// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>A native library was found, but it speaks another version of the interface than this package.</summary>
public sealed class NativeAbiMismatchException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public NativeAbiMismatchException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">Both versions and the file.</param>
    public NativeAbiMismatchException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">Both versions and the file.</param>
    /// <param name="innerException">The cause.</param>
    public NativeAbiMismatchException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>Creates an exception from both versions.</summary>
    /// <param name="path">The file that was loaded.</param>
    /// <param name="expected">The version this package was built for.</param>
    /// <param name="actual">The version of the file.</param>
    public NativeAbiMismatchException(string path, Version expected, Version actual)
        : base(
            $"{path} has ABI {actual}, this package needs {expected?.Major}.x from {expected} on. Install native packages of the same version as the managed ones."
        )
    {
        Path = path;
        Expected = expected;
        Actual = actual;
    }

    /// <summary>The file that was loaded.</summary>
    public string Path { get; } = "";

    /// <summary>The version this package was built for.</summary>
    public Version? Expected { get; }

    /// <summary>The version of the file.</summary>
    public Version? Actual { get; }
}
