// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

/// <summary>What the metadata service knows about a file, directory or symbolic link.</summary>
public sealed record ThreeFsFileInfo
{
    /// <summary>Path under which it was looked up.</summary>
    public required string Path { get; init; }

    /// <summary>What it is.</summary>
    public required FileSystemEntryKind Kind { get; init; }

    /// <summary>Id of the inode; the same for all hard links.</summary>
    public required ulong InodeId { get; init; }

    /// <summary>Length of a file in bytes as last reported to the service; 0 for everything else.</summary>
    public long Length { get; init; }

    /// <summary>Permission bits.</summary>
    public UnixFileMode Mode { get; init; }

    /// <summary>Owner.</summary>
    public uint Uid { get; init; }

    /// <summary>Owning group.</summary>
    public uint Gid { get; init; }

    /// <summary>Number of hard links.</summary>
    public int LinkCount { get; init; }

    /// <summary>Time of the last access; servers keep whole seconds.</summary>
    public DateTimeOffset LastAccessed { get; init; }

    /// <summary>Time of the last change of content; servers keep whole seconds.</summary>
    public DateTimeOffset LastModified { get; init; }

    /// <summary>Time of the last change of attributes; servers keep whole seconds.</summary>
    public DateTimeOffset LastChanged { get; init; }

    /// <summary>Where a symbolic link points; null for everything else.</summary>
    public string? LinkTarget { get; init; }

    /// <summary>Layout of a file or a directory; null for a symbolic link.</summary>
    public ThreeFsLayout? Layout { get; init; }

    internal static ThreeFsFileInfo FromWire(string path, Inode inode)
    {
        var layout = inode.Type switch
        {
            FileInode f => f.Layout,
            DirectoryInode d => d.Layout,
            _ => null,
        };
        return new ThreeFsFileInfo
        {
            Path = path,
            Kind = KindOf(inode),
            InodeId = inode.Id,
            Length = inode.Type is FileInode file ? (long)Math.Min(file.Length, long.MaxValue) : 0,
            Mode = (UnixFileMode)(inode.Acl.Perm & 0xFFF),
            Uid = inode.Acl.Uid,
            Gid = inode.Acl.Gid,
            LinkCount = inode.Nlink,
            LastAccessed = ToTime(inode.Atime),
            LastModified = ToTime(inode.Mtime),
            LastChanged = ToTime(inode.Ctime),
            LinkTarget = (inode.Type as SymlinkInode)?.Target,
            Layout = layout is null ? null : ThreeFsLayout.FromWire(layout),
        };
    }

    internal static FileSystemEntryKind KindOf(Inode inode) =>
        inode.Type switch
        {
            DirectoryInode => FileSystemEntryKind.Directory,
            SymlinkInode => FileSystemEntryKind.SymbolicLink,
            _ => FileSystemEntryKind.File,
        };

    internal static DateTimeOffset ToTime(long microseconds)
    {
        var limit =
            (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).Ticks
            / TimeSpan.TicksPerMicrosecond;
        return DateTimeOffset.UnixEpoch.AddTicks(
            Math.Clamp(microseconds, 0, limit) * TimeSpan.TicksPerMicrosecond
        );
    }

    internal static long FromTime(DateTimeOffset time) =>
        (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
