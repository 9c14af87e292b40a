// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal struct ChecksumInfo : ISerdeStruct<ChecksumInfo>
{
    public ChecksumType Type;
    public uint Value;

    public static string WireName => "ChecksumInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChecksumInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Enum("type", ref x.Type);
        v.Number("value", ref x.Value);
        v.EndTable(table);
    }
}

internal struct VersionedChainId : ISerdeStruct<VersionedChainId>
{
    public uint ChainId;
    public uint ChainVer;

    public static string WireName => "VersionedChainId";

    public static void Visit<TVisitor>(ref TVisitor v, ref VersionedChainId x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("chainId", ref x.ChainId);
        v.Number("chainVer", ref x.ChainVer);
        v.EndTable(table);
    }
}

internal struct GlobalKey : ISerdeStruct<GlobalKey>
{
    public VersionedChainId VChainId;
    public ChunkId ChunkId;

    public static string WireName => "GlobalKey";

    public static void Visit<TVisitor>(ref TVisitor v, ref GlobalKey x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("vChainId", ref x.VChainId);
        v.Field("chunkId", ref x.ChunkId, default(ChunkIdCodec));
        v.EndTable(table);
    }
}

internal struct UpdateChannel : ISerdeStruct<UpdateChannel>
{
    public ushort Id;
    public ulong Seqnum;

    public static string WireName => "UpdateChannel";

    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateChannel x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("id", ref x.Id);
        v.Number("seqnum", ref x.Seqnum);
        v.EndTable(table);
    }
}

internal struct MessageTag : ISerdeStruct<MessageTag>
{
    public ClientId ClientId;
    public ulong RequestId;
    public UpdateChannel Channel;

    public static string WireName => "MessageTag";

    public static void Visit<TVisitor>(ref TVisitor v, ref MessageTag x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("clientId", ref x.ClientId);
        v.Number("requestId", ref x.RequestId);
        v.Struct("channel", ref x.Channel);
        v.EndTable(table);
    }
}

internal struct DebugFlags : ISerdeStruct<DebugFlags>
{
    public bool InjectRandomServerError;
    public bool InjectRandomClientError;
    public ushort NumOfInjectPtsBeforeFail;

    public static string WireName => "DebugFlags";

    public static void Visit<TVisitor>(ref TVisitor v, ref DebugFlags x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("injectRandomServerError", ref x.InjectRandomServerError);
        v.Number("injectRandomClientError", ref x.InjectRandomClientError);
        v.Number("numOfInjectPtsBeforeFail", ref x.NumOfInjectPtsBeforeFail);
        v.EndTable(table);
    }
}

internal struct UInt8Vector : ISerdeStruct<UInt8Vector>
{
    public InlineData Data;

    public static string WireName => "UInt8Vector";

    public static void Visit<TVisitor>(ref TVisitor v, ref UInt8Vector x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("data", ref x.Data, default(Blob));
        v.EndTable(table);
    }
}

internal struct IOResult : ISerdeStruct<IOResult>
{
    public Result<uint> LengthInfo = new Status(StatusCode.StorageClientNotInitialized);
    public uint CommitVer;
    public uint UpdateVer;
    public ChecksumInfo Checksum;
    public uint CommitChainVer;

    public IOResult() { }

    public static string WireName => "IOResult";

    public static void Visit<TVisitor>(ref TVisitor v, ref IOResult x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("lengthInfo", ref x.LengthInfo, default(ResultOf<uint, Scalar<uint>>));
        v.Number("commitVer", ref x.CommitVer);
        v.Number("updateVer", ref x.UpdateVer);
        v.Struct("checksum", ref x.Checksum);
        v.Number("commitChainVer", ref x.CommitChainVer);
        v.EndTable(table);
    }
}

internal struct ReadIO : ISerdeStruct<ReadIO>
{
    public uint Offset;
    public uint Length;
    public GlobalKey Key;
    public RdmaRemoteBuf Rdmabuf;

    public static string WireName => "ReadIO";

    public static void Visit<TVisitor>(ref TVisitor v, ref ReadIO x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("offset", ref x.Offset);
        v.Number("length", ref x.Length);
        v.Struct("key", ref x.Key);
        v.Field("rdmabuf", ref x.Rdmabuf, default(RdmaRemoteBufCodec));
        v.EndTable(table);
    }
}

internal struct UpdateIO : ISerdeStruct<UpdateIO>
{
    public uint Offset;
    public uint Length;
    public uint ChunkSize;
    public GlobalKey Key;
    public RdmaRemoteBuf Rdmabuf;
    public uint UpdateVer;
    public UpdateType UpdateType;
    public ChecksumInfo Checksum;
    public UInt8Vector Inlinebuf;

    public static string WireName => "UpdateIO";

    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateIO x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("offset", ref x.Offset);
        v.Number("length", ref x.Length);
        v.Number("chunkSize", ref x.ChunkSize);
        v.Struct("key", ref x.Key);
        v.Field("rdmabuf", ref x.Rdmabuf, default(RdmaRemoteBufCodec));
        v.Number("updateVer", ref x.UpdateVer);
        v.Enum("updateType", ref x.UpdateType);
        v.Struct("checksum", ref x.Checksum);
        v.Struct("inlinebuf", ref x.Inlinebuf);
        v.EndTable(table);
    }
}

internal struct UpdateOptions : ISerdeStruct<UpdateOptions>
{
    public bool IsSyncing;
    public bool FromClient;
    public uint CommitChainVer;

    public static string WireName => "UpdateOptions";

    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateOptions x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("isSyncing", ref x.IsSyncing);
        v.Number("fromClient", ref x.FromClient);
        v.Number("commitChainVer", ref x.CommitChainVer);
        v.EndTable(table);
    }
}

internal struct ChunkIdRange : ISerdeStruct<ChunkIdRange>
{
    public ChunkId Begin;
    public ChunkId End;
    public uint MaxNumChunkIdsToProcess;

    public static string WireName => "ChunkIdRange";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChunkIdRange x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("begin", ref x.Begin, default(ChunkIdCodec));
        v.Field("end", ref x.End, default(ChunkIdCodec));
        v.Number("maxNumChunkIdsToProcess", ref x.MaxNumChunkIdsToProcess);
        v.EndTable(table);
    }
}

internal struct ChunkMeta : ISerdeStruct<ChunkMeta>
{
    public ChunkId ChunkId;
    public uint UpdateVer;
    public uint CommitVer;
    public uint ChainVer;
    public ChunkState ChunkState;
    public ChecksumInfo Checksum;
    public uint Length;

    public static string WireName => "ChunkMeta";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChunkMeta x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("chunkId", ref x.ChunkId, default(ChunkIdCodec));
        v.Number("updateVer", ref x.UpdateVer);
        v.Number("commitVer", ref x.CommitVer);
        v.Number("chainVer", ref x.ChainVer);
        v.Enum("chunkState", ref x.ChunkState);
        v.Struct("checksum", ref x.Checksum);
        v.Number("length", ref x.Length);
        v.EndTable(table);
    }
}

internal sealed class SpaceInfo : ISerdeStruct<SpaceInfo>
{
    public string Path = "";
    public ulong Capacity;
    public ulong Free;
    public ulong Available;
    public List<ulong> TargetIds = [];
    public string Manufacturer = "";

    public static string WireName => "SpaceInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref SpaceInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("path", ref x.Path);
        v.Number("capacity", ref x.Capacity);
        v.Number("free", ref x.Free);
        v.Number("available", ref x.Available);
        v.Field("targetIds", ref x.TargetIds, default(ListOf<ulong, Scalar<ulong>>));
        v.String("manufacturer", ref x.Manufacturer);
        v.EndTable(table);
    }
}

internal struct ChunkFileId : ISerdeStruct<ChunkFileId>
{
    public uint ChunkSize;
    public uint ChunkIdx;

    public static string WireName => "ChunkFileId";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChunkFileId x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("chunkSize", ref x.ChunkSize);
        v.Number("chunkIdx", ref x.ChunkIdx);
        v.EndTable(table);
    }
}

internal struct ChunkMetadata : ISerdeStruct<ChunkMetadata>
{
    public uint CommitVer;
    public uint UpdateVer;
    public uint ChainVer;
    public uint Size;
    public ChunkState ChunkState;
    public RecycleState RecycleState;
    public ChecksumType ChecksumType;
    public uint ChecksumValue;
    public ushort LastNodeId;
    public ulong LastRequestId;
    public ulong InnerOffset;
    public ChunkFileId InnerFileId;
    public Guid LastClientUuid;
    public long Timestamp;

    public static string WireName => "ChunkMetadata";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChunkMetadata x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("commitVer", ref x.CommitVer);
        v.Number("updateVer", ref x.UpdateVer);
        v.Number("chainVer", ref x.ChainVer);
        v.Number("size", ref x.Size);
        v.Enum("chunkState", ref x.ChunkState);
        v.Enum("recycleState", ref x.RecycleState);
        v.Enum("checksumType", ref x.ChecksumType);
        v.Number("checksumValue", ref x.ChecksumValue);
        v.Number("lastNodeId", ref x.LastNodeId);
        v.Number("lastRequestId", ref x.LastRequestId);
        v.Number("innerOffset", ref x.InnerOffset);
        v.Struct("innerFileId", ref x.InnerFileId);
        v.Field("lastClientUuid", ref x.LastClientUuid, default(Uuid));
        v.Number("timestamp", ref x.Timestamp);
        v.EndTable(table);
    }
}

internal sealed class Successor : ISerdeStruct<Successor>
{
    public NodeInfo NodeInfo = new();
    public TargetInfo TargetInfo;

    public static string WireName => "Successor";

    public static void Visit<TVisitor>(ref TVisitor v, ref Successor x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("nodeInfo", ref x.NodeInfo);
        v.Struct("targetInfo", ref x.TargetInfo);
        v.EndTable(table);
    }
}

internal sealed class StorageTarget : ISerdeStruct<StorageTarget>
{
    public ulong TargetId;
    public string Path = "";
    public bool DiskError;
    public bool LowSpace;
    public bool RejectCreateChunk;
    public bool IsHead;
    public bool IsTail;
    public VersionedChainId VChainId;
    public LocalTargetState LocalState;
    public PublicTargetState PublicState;
    public Successor? Successor;
    public uint DiskIndex;
    public uint ChainId;
    public bool OfflineUponUserRequest;
    public bool UseChunkEngine;

    public static string WireName => "Target";

    public static void Visit<TVisitor>(ref TVisitor v, ref StorageTarget x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.String("path", ref x.Path);
        v.Number("diskError", ref x.DiskError);
        v.Number("lowSpace", ref x.LowSpace);
        v.Number("rejectCreateChunk", ref x.RejectCreateChunk);
        v.Number("isHead", ref x.IsHead);
        v.Number("isTail", ref x.IsTail);
        v.Struct("vChainId", ref x.VChainId);
        v.Enum("localState", ref x.LocalState);
        v.Enum("publicState", ref x.PublicState);
        v.Field("successor", ref x.Successor, default(OptionalRef<Successor, StructOf<Successor>>));
        v.Number("diskIndex", ref x.DiskIndex);
        v.Number("chainId", ref x.ChainId);
        v.Number("offlineUponUserRequest", ref x.OfflineUponUserRequest);
        v.Number("useChunkEngine", ref x.UseChunkEngine);
        v.EndTable(table);
    }
}

internal sealed class TargetSyncInfo : ISerdeStruct<TargetSyncInfo>
{
    public List<ChunkMeta> Metas = [];

    public static string WireName => "TargetSyncInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref TargetSyncInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("metas", ref x.Metas, default(ListOf<ChunkMeta, StructOf<ChunkMeta>>));
        v.EndTable(table);
    }
}
