// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>How an address wants to be spoken to.</summary>
internal enum AddressType : ushort
{
    Tcp = 0,
    Rdma = 1,
    IpoIb = 2,
    Local = 3,
    Unix = 4,
}

/// <summary>Flags of open and create; the values of Linux.</summary>
[Flags]
internal enum OpenFlags
{
    ReadOnly = 0,
    WriteOnly = 1,
    ReadWrite = 2,
    AccessMask = 3,
    Create = 0x40,
    Exclusive = 0x80,
    Truncate = 0x200,
    Append = 0x400,
    Directory = 0x10000,
}

/// <summary>Flags of path look-ups; the values of Linux.</summary>
[Flags]
internal enum AtFlags
{
    None = 0,
    SymlinkNoFollow = 0x100,
    RemoveDirectory = 0x200,
    SymlinkFollow = 0x400,
}

/// <summary>The inode attributes that servers accept.</summary>
[Flags]
internal enum InodeFlags : uint
{
    None = 0,
    ChunkEngine = 0x1,
    Immutable = 0x10,
    DirectoryChainAllocation = 0x1000,
    HugeFile = 0x40000,
    All = ChunkEngine | Immutable | DirectoryChainAllocation | HugeFile,
}

/// <summary>Flags of storage requests.</summary>
[Flags]
internal enum FeatureFlags : uint
{
    None = 0,
    BypassDiskIo = 1,
    BypassRdmaTransmission = 2,
    SendDataInline = 4,
    AllowReadUncommitted = 8,
}

/// <summary>Flags of a message packet.</summary>
[Flags]
internal enum PacketFlags : ushort
{
    None = 0,
    IsRequest = 1,
    UseCompression = 2,
    ControlRdma = 4,
}

internal enum ConfigStatus : byte
{
    Normal = 0,
    Dirty = 1,
    Failed = 2,
    Unknown = 3,
    Stale = 4,
}

internal enum LocalTargetState : byte
{
    Invalid = 0,
    UpToDate = 1,
    Online = 2,
    Offline = 4,
}

internal enum NodeStatus : byte
{
    PrimaryMgmtd = 0,
    HeartbeatConnected = 1,
    HeartbeatConnecting = 2,
    HeartbeatFailed = 3,
    Disabled = 4,
}

internal enum NodeType : byte
{
    Mgmtd = 0,
    Meta = 1,
    Storage = 2,
    Client = 3,
    Fuse = 4,
}

internal enum PublicTargetState : byte
{
    Invalid = 0,
    Serving = 1,
    LastSrv = 2,
    Syncing = 4,
    Waiting = 8,
    Offline = 16,
}

internal enum SetTagMode : byte
{
    Replace = 0,
    Upsert = 1,
    Remove = 2,
}

internal enum InodeType : byte
{
    File = 0,
    Directory = 1,
    Symlink = 2,
}

internal enum LayoutShuffle : byte
{
    None = 0,
    StdMt19937 = 1,
}

internal enum LockAction : byte
{
    TryLock = 0,
    PreemptLock = 1,
    UnLock = 2,
    Clear = 3,
}

internal enum UpdateChainMode : byte
{
    Add = 0,
    Remove = 1,
}

internal enum JobStatus : uint
{
    NotSubmitted = 0,
    Pending = 1,
    Running = 2,
    Failed = 3,
    Stopped = 4,
    Succeeded = 5,
}

internal enum ChecksumType : byte
{
    None = 0,
    Crc32c = 1,
    Crc32 = 2,
}

internal enum ChunkState : byte
{
    Commit = 0,
    Dirty = 1,
    Clean = 2,
}

internal enum RecycleState : byte
{
    Normal = 0,
    RemovalInProgress = 1,
    RemovalInRetrying = 2,
}

internal enum UpdateType : byte
{
    Invalid = 0,
    Write = 1,
    Remove = 2,
    Truncate = 4,
    Extend = 8,
    Commit = 16,
}
