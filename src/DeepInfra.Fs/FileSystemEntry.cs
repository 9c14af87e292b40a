// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>A file or directory as a listing or a look-up describes it.</summary>
/// <param name="Path">Path from the root of the file system, '/'-separated, without a leading '/'.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Length">Length of a file in bytes; 0 for everything else.</param>
/// <param name="LastModified">Time of the last change of content.</param>
public sealed record FileSystemEntry(
    string Path,
    FileSystemEntryKind Kind,
    long Length,
    DateTimeOffset LastModified
)
{
    /// <summary>The last part of the path.</summary>
    public string Name => FileSystemPath.GetName(Path);

    /// <summary>True for a directory.</summary>
    public bool IsDirectory => Kind == FileSystemEntryKind.Directory;
}
