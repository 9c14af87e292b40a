// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>Details of opening a file.</summary>
public sealed record ThreeFsOpenOptions
{
    /// <summary>Permissions of a file that is created.</summary>
    public UnixFileMode CreateMode { get; init; } =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.GroupRead
        | UnixFileMode.OtherRead;

    /// <summary>Layout of a file that is created; null takes the directory's.</summary>
    public ThreeFsLayout? Layout { get; init; }
}
