// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>What a name in a directory stands for.</summary>
public enum FileSystemEntryKind
{
    /// <summary>A regular file.</summary>
    File = 0,

    /// <summary>A directory.</summary>
    Directory = 1,

    /// <summary>A symbolic link; only listings report it, look-ups follow it.</summary>
    SymbolicLink = 2,
}
