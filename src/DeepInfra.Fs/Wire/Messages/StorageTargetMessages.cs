// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class CreateTargetReq : ISerdeStruct<CreateTargetReq>
{
    public ulong TargetId;
    public uint DiskIndex;
    public uint PhysicalFileCount = 256;
    public List<ulong> ChunkSizeList = [512 << 10, 1 << 20, 2 << 20, 4 << 20, 16 << 20, 64 << 20];
    public bool AllowExistingTarget = true;
    public uint ChainId;
    public bool AddChunkSize;
    public bool OnlyChunkEngine;

    public static string WireName => "CreateTargetReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref CreateTargetReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.Number("diskIndex", ref x.DiskIndex);
        v.Number("physicalFileCount", ref x.PhysicalFileCount);
        v.Field("chunkSizeList", ref x.ChunkSizeList, default(ListOf<ulong, Scalar<ulong>>));
        v.Number("allowExistingTarget", ref x.AllowExistingTarget);
        v.Number("chainId", ref x.ChainId);
        v.Number("addChunkSize", ref x.AddChunkSize);
        v.Number("onlyChunkEngine", ref x.OnlyChunkEngine);
        v.EndTable(table);
    }
}

internal sealed class CreateTargetRsp : ISerdeStruct<CreateTargetRsp>
{
    public static string WireName => "CreateTargetRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref CreateTargetRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class GetAllChunkMetadataReq : ISerdeStruct<GetAllChunkMetadataReq>
{
    public ulong TargetId;

    public static string WireName => "GetAllChunkMetadataReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetAllChunkMetadataReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.EndTable(table);
    }
}

internal sealed class GetAllChunkMetadataRsp : ISerdeStruct<GetAllChunkMetadataRsp>
{
    public List<ChunkMeta> ChunkMetaVec = [];

    public static string WireName => "GetAllChunkMetadataRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetAllChunkMetadataRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "chunkMetaVec",
            ref x.ChunkMetaVec,
            default(ListOf<ChunkMeta, StructOf<ChunkMeta>>)
        );
        v.EndTable(table);
    }
}

internal sealed class OfflineTargetReq : ISerdeStruct<OfflineTargetReq>
{
    public ulong TargetId;
    public bool Force;

    public static string WireName => "OfflineTargetReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref OfflineTargetReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.Number("force", ref x.Force);
        v.EndTable(table);
    }
}

internal sealed class OfflineTargetRsp : ISerdeStruct<OfflineTargetRsp>
{
    public static string WireName => "OfflineTargetRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref OfflineTargetRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class QueryChunkReq : ISerdeStruct<QueryChunkReq>
{
    public uint ChainId;
    public ChunkId ChunkId;

    public static string WireName => "QueryChunkReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref QueryChunkReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("chainId", ref x.ChainId);
        v.Field("chunkId", ref x.ChunkId, default(ChunkIdCodec));
        v.EndTable(table);
    }
}

internal sealed class QueryChunkRsp : ISerdeStruct<QueryChunkRsp>
{
    public StorageTarget Target = new();
    public Result<ChunkMetadata> Meta = new Status(StatusCode.InvalidArg);

    public static string WireName => "QueryChunkRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref QueryChunkRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("target", ref x.Target);
        v.Field("meta", ref x.Meta, default(ResultOf<ChunkMetadata, StructOf<ChunkMetadata>>));
        v.EndTable(table);
    }
}

internal sealed class RemoveTargetReq : ISerdeStruct<RemoveTargetReq>
{
    public ulong TargetId;
    public bool Force;

    public static string WireName => "RemoveTargetReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveTargetReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.Number("force", ref x.Force);
        v.EndTable(table);
    }
}

internal sealed class RemoveTargetRsp : ISerdeStruct<RemoveTargetRsp>
{
    public static string WireName => "RemoveTargetRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveTargetRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class SpaceInfoReq : ISerdeStruct<SpaceInfoReq>
{
    public MessageTag Tag;
    public bool Force;

    public static string WireName => "SpaceInfoReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SpaceInfoReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("tag", ref x.Tag);
        v.Number("force", ref x.Force);
        v.EndTable(table);
    }
}

internal sealed class SpaceInfoRsp : ISerdeStruct<SpaceInfoRsp>
{
    public List<SpaceInfo> SpaceInfos = [];

    public static string WireName => "SpaceInfoRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SpaceInfoRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("spaceInfos", ref x.SpaceInfos, default(ListOf<SpaceInfo, StructOf<SpaceInfo>>));
        v.EndTable(table);
    }
}

internal sealed class SyncDoneReq : ISerdeStruct<SyncDoneReq>
{
    public VersionedChainId VChainId;

    public static string WireName => "SyncDoneReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SyncDoneReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("vChainId", ref x.VChainId);
        v.EndTable(table);
    }
}

internal sealed class SyncDoneRsp : ISerdeStruct<SyncDoneRsp>
{
    public IOResult Result = new();

    public static string WireName => "SyncDoneRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SyncDoneRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("result", ref x.Result);
        v.EndTable(table);
    }
}

internal sealed class SyncStartReq : ISerdeStruct<SyncStartReq>
{
    public VersionedChainId VChainId;

    public static string WireName => "SyncStartReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SyncStartReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("vChainId", ref x.VChainId);
        v.EndTable(table);
    }
}
