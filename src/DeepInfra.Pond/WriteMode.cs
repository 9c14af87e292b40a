// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>What to do when the target directory of a write exists.</summary>
public enum WriteMode
{
    /// <summary>Fail when the target directory exists and is not empty.</summary>
    Error,

    /// <summary>
    /// Replace it: the old directory is renamed aside, the new one renamed into place, and the old one
    /// deleted last.
    /// </summary>
    Overwrite,

    /// <summary>
    /// Add files to it. Readers that follow the manifest see all new files or none of them; a repeated
    /// run of the same job adds nothing.
    /// </summary>
    Append,
}
