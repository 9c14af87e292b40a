// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class AuthReq : MetaRequest, ISerdeStruct<AuthReq>
{
    public static string WireName => "AuthReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref AuthReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class AuthRsp : MetaResponse, ISerdeStruct<AuthRsp>
{
    public UserInfo User = new();

    public static string WireName => "AuthRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref AuthRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class DropUserCacheReq : MetaRequest, ISerdeStruct<DropUserCacheReq>
{
    public uint? Uid;
    public bool DropAll;

    public static string WireName => "DropUserCacheReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref DropUserCacheReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Field("uid", ref x.Uid, default(OptionalValue<uint, Scalar<uint>>));
        v.Number("dropAll", ref x.DropAll);
        v.EndTable(table);
    }
}

internal sealed class DropUserCacheRsp : MetaResponse, ISerdeStruct<DropUserCacheRsp>
{
    public static string WireName => "DropUserCacheRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref DropUserCacheRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class GetRealPathReq : MetaRequest, ISerdeStruct<GetRealPathReq>
{
    public PathAt Path;
    public bool Absolute;

    public static string WireName => "GetRealPathReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetRealPathReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Number("absolute", ref x.Absolute);
        v.EndTable(table);
    }
}

internal sealed class GetRealPathRsp : MetaResponse, ISerdeStruct<GetRealPathRsp>
{
    public string Path = "";

    public static string WireName => "GetRealPathRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetRealPathRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.String("path", ref x.Path);
        v.EndTable(table);
    }
}

internal sealed class HardLinkReq : MetaRequest, ISerdeStruct<HardLinkReq>
{
    public PathAt OldPath;
    public PathAt NewPath;
    public AtFlags Flags;

    public static string WireName => "HardLinkReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref HardLinkReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("oldPath", ref x.OldPath);
        v.Struct("newPath", ref x.NewPath);
        v.Enum("flags", ref x.Flags);
        v.EndTable(table);
    }
}

internal sealed class HardLinkRsp : MetaResponse, ISerdeStruct<HardLinkRsp>
{
    public Inode Stat = new();

    public static string WireName => "HardLinkRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref HardLinkRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}

internal sealed class ListReq : MetaRequest, ISerdeStruct<ListReq>
{
    public PathAt Path;
    public string Prev = "";
    public int Limit = -1;
    public bool Status;

    public static string WireName => "ListReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref ListReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.String("prev", ref x.Prev);
        v.Number("limit", ref x.Limit);
        v.Number("status", ref x.Status);
        v.EndTable(table);
    }
}

internal sealed class ListRsp : MetaResponse, ISerdeStruct<ListRsp>
{
    public List<DirEntry> Entries = [];
    public List<Inode> Inodes = [];
    public bool More;

    public static string WireName => "ListRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref ListRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Field("entries", ref x.Entries, default(ListOf<DirEntry, StructOf<DirEntry>>));
        v.Field("inodes", ref x.Inodes, default(ListOf<Inode, StructOf<Inode>>));
        v.Number("more", ref x.More);
        v.EndTable(table);
    }
}

internal sealed class LockDirectoryReq : MetaRequest, ISerdeStruct<LockDirectoryReq>
{
    public ulong Inode;
    public LockAction Action;

    public static string WireName => "LockDirectoryReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref LockDirectoryReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Number("inode", ref x.Inode);
        v.Enum("action", ref x.Action);
        v.EndTable(table);
    }
}

internal sealed class LockDirectoryRsp : MetaResponse, ISerdeStruct<LockDirectoryRsp>
{
    public static string WireName => "LockDirectoryRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref LockDirectoryRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class MkdirsReq : MetaRequest, ISerdeStruct<MkdirsReq>
{
    public PathAt Path;
    public uint Perm;
    public bool Recursive;
    public Layout? Layout;

    public static string WireName => "MkdirsReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref MkdirsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Number("perm", ref x.Perm);
        v.Number("recursive", ref x.Recursive);
        v.Field("layout", ref x.Layout, default(OptionalRef<Layout, StructOf<Layout>>));
        v.EndTable(table);
    }
}

internal sealed class MkdirsRsp : MetaResponse, ISerdeStruct<MkdirsRsp>
{
    public Inode Stat = new();

    public static string WireName => "MkdirsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref MkdirsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}

internal sealed class RemoveReq : MetaRequest, ISerdeStruct<RemoveReq>
{
    public PathAt Path;
    public AtFlags AtFlags;
    public bool Recursive;
    public bool CheckType;
    public ulong? InodeId;

    public static string WireName => "RemoveReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.Enum("atFlags", ref x.AtFlags);
        v.Number("recursive", ref x.Recursive);
        v.Number("checkType", ref x.CheckType);
        v.Field("inodeId", ref x.InodeId, default(OptionalValue<ulong, Scalar<ulong>>));
        v.EndTable(table);
    }
}

internal sealed class RemoveRsp : MetaResponse, ISerdeStruct<RemoveRsp>
{
    public static string WireName => "RemoveRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class RenameReq : MetaRequest, ISerdeStruct<RenameReq>
{
    public PathAt Src;
    public PathAt Dest;
    public bool MoveToTrash;
    public ulong? InodeId;

    public static string WireName => "RenameReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RenameReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("src", ref x.Src);
        v.Struct("dest", ref x.Dest);
        v.Number("moveToTrash", ref x.MoveToTrash);
        v.Field("inodeId", ref x.InodeId, default(OptionalValue<ulong, Scalar<ulong>>));
        v.EndTable(table);
    }
}

internal sealed class RenameRsp : MetaResponse, ISerdeStruct<RenameRsp>
{
    public Inode? Stat;

    public static string WireName => "RenameRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RenameRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.Field("stat", ref x.Stat, default(OptionalRef<Inode, StructOf<Inode>>));
        v.EndTable(table);
    }
}

internal sealed class SymlinkReq : MetaRequest, ISerdeStruct<SymlinkReq>
{
    public PathAt Path;
    public string Target = "";

    public static string WireName => "SymlinkReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SymlinkReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("path", ref x.Path);
        v.String("target", ref x.Target);
        v.EndTable(table);
    }
}

internal sealed class SymlinkRsp : MetaResponse, ISerdeStruct<SymlinkRsp>
{
    public Inode Stat = new();

    public static string WireName => "SymlinkRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SymlinkRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        VisitBase(ref v, x);
        var table = v.BeginTable();
        v.Struct("stat", ref x.Stat);
        v.EndTable(table);
    }
}
