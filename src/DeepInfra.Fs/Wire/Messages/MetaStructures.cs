// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal struct PathAt : ISerdeStruct<PathAt>
{
    public ulong Parent;
    public string? Path;

    public static string WireName => "PathAt";

    public static void Visit<TVisitor>(ref TVisitor v, ref PathAt x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("parent", ref x.Parent);
        v.Field("path", ref x.Path, default(OptionalRef<string, Text>));
        v.EndTable(table);
    }
}

internal struct SessionInfo : ISerdeStruct<SessionInfo>
{
    public ClientId Client;
    public Guid Session;

    public static string WireName => "SessionInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref SessionInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("client", ref x.Client);
        v.Field("session", ref x.Session, default(Uuid));
        v.EndTable(table);
    }
}

internal struct VersionedLength : ISerdeStruct<VersionedLength>
{
    public ulong Length;
    public ulong TruncateVer;

    public static string WireName => "VersionedLength";

    public static void Visit<TVisitor>(ref TVisitor v, ref VersionedLength x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("length", ref x.Length);
        v.Number("truncateVer", ref x.TruncateVer);
        v.EndTable(table);
    }
}

internal struct Acl : ISerdeStruct<Acl>
{
    public uint Uid;
    public uint Gid;
    public uint Perm;
    public InodeFlags Iflags;

    public static string WireName => "Acl";

    public static void Visit<TVisitor>(ref TVisitor v, ref Acl x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("uid", ref x.Uid);
        v.Number("gid", ref x.Gid);
        v.Number("perm", ref x.Perm);
        v.Enum("iflags", ref x.Iflags);
        v.EndTable(table);
    }
}

internal sealed class Layout : ISerdeStruct<Layout>
{
    public uint TableId;
    public uint TableVersion;
    public uint ChunkSize;
    public uint StripeSize;
    public ILayoutChains Chains = LayoutEmpty.Instance;

    public static string WireName => "Layout";

    public static void Visit<TVisitor>(ref TVisitor v, ref Layout x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("tableId", ref x.TableId);
        v.Number("tableVersion", ref x.TableVersion);
        v.Number("chunkSize", ref x.ChunkSize);
        v.Number("stripeSize", ref x.StripeSize);
        v.Field("chains", ref x.Chains, default(LayoutChainsCodec));
        v.EndTable(table);
    }
}

internal sealed class LayoutChainRange : ILayoutChains, ISerdeStruct<LayoutChainRange>
{
    public uint BaseIndex;
    public LayoutShuffle Shuffle;
    public ulong Seed;

    public static string WireName => "ChainRange";

    public static void Visit<TVisitor>(ref TVisitor v, ref LayoutChainRange x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("baseIndex", ref x.BaseIndex);
        v.Enum("shuffle", ref x.Shuffle);
        v.Number("seed", ref x.Seed);
        v.EndTable(table);
    }
}

internal sealed class LayoutChainList : ILayoutChains, ISerdeStruct<LayoutChainList>
{
    public List<uint> ChainIndexes = [];

    public static string WireName => "ChainList";

    public static void Visit<TVisitor>(ref TVisitor v, ref LayoutChainList x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("chainIndexes", ref x.ChainIndexes, default(ListOf<uint, Scalar<uint>>));
        v.EndTable(table);
    }
}

internal sealed class FileInode : IInodeBody, ISerdeStruct<FileInode>
{
    public ulong Length;
    public ulong TruncateVer;
    public Layout Layout = new();
    public uint Flags;
    public uint DynStripe;

    public static string WireName => "File";

    public static void Visit<TVisitor>(ref TVisitor v, ref FileInode x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("length", ref x.Length);
        v.Number("truncateVer", ref x.TruncateVer);
        v.Struct("layout", ref x.Layout);
        v.Number("flags", ref x.Flags);
        v.Number("dynStripe", ref x.DynStripe);
        v.EndTable(table);
    }
}

internal sealed class DirectoryInode : IInodeBody, ISerdeStruct<DirectoryInode>
{
    public ulong Parent;
    public Layout Layout = new();
    public string Name = "";
    public uint ChainAllocCounter = uint.MaxValue;
    public DirectoryLock? Lock;

    public static string WireName => "Directory";

    public static void Visit<TVisitor>(ref TVisitor v, ref DirectoryInode x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("parent", ref x.Parent);
        v.Struct("layout", ref x.Layout);
        v.String("name", ref x.Name);
        v.Number("chainAllocCounter", ref x.ChainAllocCounter);
        v.Field("lock", ref x.Lock, default(OptionalRef<DirectoryLock, StructOf<DirectoryLock>>));
        v.EndTable(table);
    }
}

internal sealed class DirectoryLock : ISerdeStruct<DirectoryLock>
{
    public ClientId Client;

    public static string WireName => "Lock";

    public static void Visit<TVisitor>(ref TVisitor v, ref DirectoryLock x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("client", ref x.Client);
        v.EndTable(table);
    }
}

internal sealed class SymlinkInode : IInodeBody, ISerdeStruct<SymlinkInode>
{
    public string Target = "";

    public static string WireName => "Symlink";

    public static void Visit<TVisitor>(ref TVisitor v, ref SymlinkInode x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("target", ref x.Target);
        v.EndTable(table);
    }
}

internal sealed class Inode : ISerdeStruct<Inode>
{
    /// <summary>Times of a fresh inode: 2023-06-01 00:00 UTC+8, in microseconds.</summary>
    public const long DefaultTime = 1_685_548_800_000_000;

    public IInodeBody Type = new FileInode();
    public Acl Acl;
    public ushort Nlink = 1;
    public long Atime = Inode.DefaultTime;
    public long Ctime = Inode.DefaultTime;
    public long Mtime = Inode.DefaultTime;
    public ulong Id;

    public static string WireName => "Inode";

    public static void Visit<TVisitor>(ref TVisitor v, ref Inode x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.Field("type", ref x.Type, default(InodeBodyCodec));
        v.Struct("acl", ref x.Acl);
        v.Number("nlink", ref x.Nlink);
        v.Number("atime", ref x.Atime);
        v.Number("ctime", ref x.Ctime);
        v.Number("mtime", ref x.Mtime);
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("id", ref x.Id);
        v.EndTable(table);
    }
}

internal sealed class GcInfo : ISerdeStruct<GcInfo>
{
    public uint User;
    public string OrigPath = "";

    public static string WireName => "GcInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref GcInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("user", ref x.User);
        v.String("origPath", ref x.OrigPath);
        v.EndTable(table);
    }
}

internal sealed class DirEntry : ISerdeStruct<DirEntry>
{
    public ulong Id;
    public InodeType Type;
    public Acl? DirAcl;
    public Guid Uuid;
    public GcInfo? GcInfo;
    public ulong Parent;
    public string Name = "";

    public static string WireName => "DirEntry";

    public static void Visit<TVisitor>(ref TVisitor v, ref DirEntry x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.Number("id", ref x.Id);
        v.Enum("type", ref x.Type);
        v.Field("dirAcl", ref x.DirAcl, default(OptionalValue<Acl, StructOf<Acl>>));
        v.Field("uuid", ref x.Uuid, default(Uuid));
        v.Field("gcInfo", ref x.GcInfo, default(OptionalRef<GcInfo, StructOf<GcInfo>>));
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("parent", ref x.Parent);
        v.String("name", ref x.Name);
        v.EndTable(table);
    }
}
