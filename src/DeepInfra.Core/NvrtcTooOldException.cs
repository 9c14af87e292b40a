// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>NVRTC was found, but this version of it cannot compile kernels for the device's architecture.</summary>
public sealed class NvrtcTooOldException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public NvrtcTooOldException()
        : this("NVRTC is too old.") { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    public NvrtcTooOldException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public NvrtcTooOldException(string message, Exception innerException)
        : base(message, innerException) { }

    internal NvrtcTooOldException(
        string path,
        Version found,
        Version required,
        string architecture,
        string remedy
    )
        : base(
            $"{path} is NVRTC {found}, but kernels for {architecture} need {required} or newer. {remedy}"
        )
    {
        FoundVersion = found;
        RequiredVersion = required;
        Architecture = architecture;
    }

    /// <summary>The version of the library that was found.</summary>
    public Version? FoundVersion { get; }

    /// <summary>Lowest version that will do.</summary>
    public Version? RequiredVersion { get; }

    /// <summary>The target that needs it, such as <c>sm_90a</c>.</summary>
    public string Architecture { get; } = "";
}
