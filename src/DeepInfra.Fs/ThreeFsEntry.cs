// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>A name in a directory.</summary>
/// <param name="Name">The name.</param>
/// <param name="Kind">What it stands for.</param>
/// <param name="InodeId">Id of the inode.</param>
/// <param name="Info">The inode's attributes when the enumeration asked for them.</param>
public sealed record ThreeFsEntry(
    string Name,
    FileSystemEntryKind Kind,
    ulong InodeId,
    ThreeFsFileInfo? Info
);
