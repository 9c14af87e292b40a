// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class BatchStatByPathReq : MetaRequest, ISerdeStruct<BatchStatByPathReq>
{
    public List<PathAt> Paths = [];
    public AtFlags Flags;

    public static string WireName => "BatchStatByPathReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref BatchStatByPathReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Field("paths", ref x.Paths, default(ListOf<PathAt, StructOf<PathAt>>));
        v.Enum("flags", ref x.Flags);
        v.EndTable(table);
    }
}

internal sealed class BatchStatByPathRsp : MetaResponse, ISerdeStruct<BatchStatByPathRsp>
{
    public List<Result<Inode>> Inodes = [];

    public static string WireName => "BatchStatByPathRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref BatchStatByPathRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Field(
            "inodes",
            ref x.Inodes,
            default(ListOf<Result<Inode>, ResultOf<Inode, StructOf<Inode>>>)
        );
        v.EndTable(table);
    }
}

internal sealed class BatchStatReq : MetaRequest, ISerdeStruct<BatchStatReq>
{
    public List<ulong> InodeIds = [];

    public static string WireName => "BatchStatReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref BatchStatReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Field("inodeIds", ref x.InodeIds, default(ListOf<ulong, Scalar<ulong>>));
        v.EndTable(table);
    }
}

internal sealed class BatchStatRsp : MetaResponse, ISerdeStruct<BatchStatRsp>
{
    public List<Inode?> Inodes = [];

    public static string WireName => "BatchStatRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref BatchStatRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Field(
            "inodes",
            ref x.Inodes,
            default(ListOf<Inode?, OptionalRef<Inode, StructOf<Inode>>>)
        );
        v.EndTable(table);
    }
}

internal sealed class CloseReq : MetaRequest, ISerdeStruct<CloseReq>
{
    public ulong Inode;
    public SessionInfo? Session;
    public bool UpdateLength;
    public long? Atime;
    public long? Mtime;
    public VersionedLength? LengthHint;

    public static string WireName => "CloseReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref CloseReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("inode", ref x.Inode);
        v.Field(
            "session",
            ref x.Session,
            default(OptionalValue<SessionInfo, StructOf<SessionInfo>>)
        );
        v.Number("updateLength", ref x.UpdateLength);
        v.Field("atime", ref x.Atime, default(OptionalValue<long, Scalar<long>>));
        v.Field("mtime", ref x.Mtime, default(OptionalValue<long, Scalar<long>>));
        v.Field(
            "lengthHint",
            ref x.LengthHint,
            default(OptionalValue<VersionedLength, StructOf<VersionedLength>>)
        );
        v.EndTable(table);
    }
}

internal sealed class CloseRsp : MetaResponse, ISerdeStruct<CloseRsp>
{
    public uint Unused;
    public Inode Stat = new();

    public static string WireName => "CloseRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref CloseRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("_unused", ref x.Unused);
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}

internal sealed class CreateReq : MetaRequest, ISerdeStruct<CreateReq>
{
    public PathAt Path;
    public SessionInfo? Session;
    public OpenFlags Flags;
    public uint Perm;
    public Layout? Layout;
    public uint RemoveChunksBatchSize;
    public bool DynStripe;

    public static string WireName => "CreateReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref CreateReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Field(
            "session",
            ref x.Session,
            default(OptionalValue<SessionInfo, StructOf<SessionInfo>>)
        );
        v.Enum("flags", ref x.Flags);
        v.Number("perm", ref x.Perm);
        v.Field("layout", ref x.Layout, default(OptionalRef<Layout, StructOf<Layout>>));
        v.Number("removeChunksBatchSize", ref x.RemoveChunksBatchSize);
        v.Number("dynStripe", ref x.DynStripe);
        v.EndTable(table);
    }
}

internal sealed class CreateRsp : MetaResponse, ISerdeStruct<CreateRsp>
{
    public Inode Stat = new();
    public bool NeedTruncate;

    public static string WireName => "CreateRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref CreateRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("stat", ref x.Stat);
        v.Number("needTruncate", ref x.NeedTruncate);
        v.EndTable(table);
    }
}

internal sealed class OpenReq : MetaRequest, ISerdeStruct<OpenReq>
{
    public PathAt Path;
    public SessionInfo? Session;
    public OpenFlags Flags;
    public uint RemoveChunksBatchSize;
    public bool DynStripe;

    public static string WireName => "OpenReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref OpenReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Field(
            "session",
            ref x.Session,
            default(OptionalValue<SessionInfo, StructOf<SessionInfo>>)
        );
        v.Enum("flags", ref x.Flags);
        v.Number("removeChunksBatchSize", ref x.RemoveChunksBatchSize);
        v.Number("dynStripe", ref x.DynStripe);
        v.EndTable(table);
    }
}

internal sealed class OpenRsp : MetaResponse, ISerdeStruct<OpenRsp>
{
    public uint Unused;
    public Inode Stat = new();
    public bool NeedTruncate;

    public static string WireName => "OpenRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref OpenRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("_unused", ref x.Unused);
        v.Struct("stat", ref x.Stat);
        v.Number("needTruncate", ref x.NeedTruncate);
        v.EndTable(table);
    }
}

internal sealed class PruneSessionReq : MetaRequest, ISerdeStruct<PruneSessionReq>
{
    public ClientId SessionClient;
    public List<Guid> Sessions = [];
    public List<bool> NeedSync = [];

    public static string WireName => "PruneSessionReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref PruneSessionReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("client", ref x.SessionClient);
        v.Field("sessions", ref x.Sessions, default(ListOf<Guid, Uuid>));
        v.Field("needSync", ref x.NeedSync, default(ListOf<bool, Scalar<bool>>));
        v.EndTable(table);
    }
}

internal sealed class PruneSessionRsp : MetaResponse, ISerdeStruct<PruneSessionRsp>
{
    public static string WireName => "PruneSessionRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref PruneSessionRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class SetAttrReq : MetaRequest, ISerdeStruct<SetAttrReq>
{
    public PathAt Path;
    public AtFlags Flags;
    public uint? Uid;
    public uint? Gid;
    public uint? Perm;
    public long? Atime;
    public long? Mtime;
    public Layout? Layout;
    public InodeFlags? Iflags;
    public uint DynStripe;

    public static string WireName => "SetAttrReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetAttrReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Enum("flags", ref x.Flags);
        v.Field("uid", ref x.Uid, default(OptionalValue<uint, Scalar<uint>>));
        v.Field("gid", ref x.Gid, default(OptionalValue<uint, Scalar<uint>>));
        v.Field("perm", ref x.Perm, default(OptionalValue<uint, Scalar<uint>>));
        v.Field("atime", ref x.Atime, default(OptionalValue<long, Scalar<long>>));
        v.Field("mtime", ref x.Mtime, default(OptionalValue<long, Scalar<long>>));
        v.Field("layout", ref x.Layout, default(OptionalRef<Layout, StructOf<Layout>>));
        v.Field("iflags", ref x.Iflags, default(OptionalValue<InodeFlags, EnumOf<InodeFlags>>));
        v.Number("dynStripe", ref x.DynStripe);
        v.EndTable(table);
    }
}

internal sealed class SetAttrRsp : MetaResponse, ISerdeStruct<SetAttrRsp>
{
    public Inode Stat = new();

    public static string WireName => "SetAttrRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetAttrRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}

internal sealed class StatFsReq : MetaRequest, ISerdeStruct<StatFsReq>
{
    public static string WireName => "StatFsReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref StatFsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
    }
}

internal sealed class StatFsRsp : MetaResponse, ISerdeStruct<StatFsRsp>
{
    public ulong Capacity;
    public ulong Used;
    public ulong Free;

    public static string WireName => "StatFsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref StatFsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("capacity", ref x.Capacity);
        v.Number("used", ref x.Used);
        v.Number("free", ref x.Free);
        v.EndTable(table);
    }
}

internal sealed class StatReq : MetaRequest, ISerdeStruct<StatReq>
{
    public PathAt Path;
    public AtFlags Flags;

    public static string WireName => "StatReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref StatReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Enum("flags", ref x.Flags);
        v.EndTable(table);
    }
}

internal sealed class StatRsp : MetaResponse, ISerdeStruct<StatRsp>
{
    public Inode Stat = new();

    public static string WireName => "StatRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref StatRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}

internal sealed class SyncReq : MetaRequest, ISerdeStruct<SyncReq>
{
    public ulong Inode;
    public bool UpdateLength;
    public long? Atime;
    public long? Mtime;
    public bool Truncated;
    public VersionedLength? LengthHint;

    public static string WireName => "SyncReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SyncReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("inode", ref x.Inode);
        v.Number("updateLength", ref x.UpdateLength);
        v.Field("atime", ref x.Atime, default(OptionalValue<long, Scalar<long>>));
        v.Field("mtime", ref x.Mtime, default(OptionalValue<long, Scalar<long>>));
        v.Number("truncated", ref x.Truncated);
        v.Field(
            "lengthHint",
            ref x.LengthHint,
            default(OptionalValue<VersionedLength, StructOf<VersionedLength>>)
        );
        v.EndTable(table);
    }
}

internal sealed class SyncRsp : MetaResponse, ISerdeStruct<SyncRsp>
{
    public uint Unused;
    public Inode Stat = new();

    public static string WireName => "SyncRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SyncRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("_unused", ref x.Unused);
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}

internal sealed class TestRpcReq : MetaRequest, ISerdeStruct<TestRpcReq>
{
    public PathAt Path;
    public uint Flags;

    public static string WireName => "TestRpcReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref TestRpcReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Number("flags", ref x.Flags);
        v.EndTable(table);
    }
}

internal sealed class TestRpcRsp : MetaResponse, ISerdeStruct<TestRpcRsp>
{
    public Inode Stat = new();

    public static string WireName => "TestRpcRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref TestRpcRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}

internal sealed class TruncateReq : MetaRequest, ISerdeStruct<TruncateReq>
{
    public ulong Inode;
    public ulong Length;
    public uint RemoveChunksBatchSize;

    public static string WireName => "TruncateReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref TruncateReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("inode", ref x.Inode);
        v.Number("length", ref x.Length);
        v.Number("removeChunksBatchSize", ref x.RemoveChunksBatchSize);
        v.EndTable(table);
    }
}

internal sealed class TruncateRsp : MetaResponse, ISerdeStruct<TruncateRsp>
{
    public uint ChunksRemoved;
    public Inode Stat = new();
    public bool Finished = true;

    public static string WireName => "TruncateRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref TruncateRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("chunksRemoved", ref x.ChunksRemoved);
        v.Struct("stat", ref x.Stat);
        v.Number("finished", ref x.Finished);
        v.EndTable(table);
    }
}
