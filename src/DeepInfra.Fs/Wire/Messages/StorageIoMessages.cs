// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class BatchReadReq : ISerdeStruct<BatchReadReq>
{
    public List<ReadIO> Payloads = [];
    public MessageTag Tag;
    public uint RetryCount;
    public UserInfo UserInfo = new();
    public FeatureFlags FeatureFlags;
    public ChecksumType ChecksumType;
    public DebugFlags DebugFlags;

    public static string WireName => "BatchReadReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref BatchReadReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("payloads", ref x.Payloads, default(ListOf<ReadIO, StructOf<ReadIO>>));
        v.Struct("tag", ref x.Tag);
        v.Number("retryCount", ref x.RetryCount);
        v.Struct("userInfo", ref x.UserInfo);
        v.Enum("featureFlags", ref x.FeatureFlags);
        v.Enum("checksumType", ref x.ChecksumType);
        v.Struct("debugFlags", ref x.DebugFlags);
        v.EndTable(table);
    }
}

internal sealed class BatchReadRsp : ISerdeStruct<BatchReadRsp>
{
    public MessageTag Tag;
    public List<IOResult> Results = [];
    public UInt8Vector Inlinebuf;

    public static string WireName => "BatchReadRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref BatchReadRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("tag", ref x.Tag);
        v.Field("results", ref x.Results, default(ListOf<IOResult, StructOf<IOResult>>));
        v.Struct("inlinebuf", ref x.Inlinebuf);
        v.EndTable(table);
    }
}

internal struct QueryLastChunkOp : ISerdeStruct<QueryLastChunkOp>
{
    public VersionedChainId VChainId;
    public ChunkIdRange ChunkIdRange;

    public static string WireName => "QueryLastChunkOp";

    public static void Visit<TVisitor>(ref TVisitor v, ref QueryLastChunkOp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("vChainId", ref x.VChainId);
        v.Struct("chunkIdRange", ref x.ChunkIdRange);
        v.EndTable(table);
    }
}

internal sealed class QueryLastChunkReq : ISerdeStruct<QueryLastChunkReq>
{
    public List<QueryLastChunkOp> Payloads = [];
    public MessageTag Tag;
    public uint RetryCount;
    public UserInfo UserInfo = new();
    public FeatureFlags FeatureFlags;
    public DebugFlags DebugFlags;

    public static string WireName => "QueryLastChunkReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref QueryLastChunkReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "payloads",
            ref x.Payloads,
            default(ListOf<QueryLastChunkOp, StructOf<QueryLastChunkOp>>)
        );
        v.Struct("tag", ref x.Tag);
        v.Number("retryCount", ref x.RetryCount);
        v.Struct("userInfo", ref x.UserInfo);
        v.Enum("featureFlags", ref x.FeatureFlags);
        v.Struct("debugFlags", ref x.DebugFlags);
        v.EndTable(table);
    }
}

internal struct QueryLastChunkResult : ISerdeStruct<QueryLastChunkResult>
{
    public Result<Unit> StatusCode;
    public ChunkId LastChunkId;
    public uint LastChunkLen;
    public ulong TotalChunkLen;
    public ulong TotalNumChunks;
    public bool MoreChunksInRange;

    public static string WireName => "QueryLastChunkResult";

    public static void Visit<TVisitor>(ref TVisitor v, ref QueryLastChunkResult x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("statusCode", ref x.StatusCode, default(ResultOf<Unit, Nothing>));
        v.Field("lastChunkId", ref x.LastChunkId, default(ChunkIdCodec));
        v.Number("lastChunkLen", ref x.LastChunkLen);
        v.Number("totalChunkLen", ref x.TotalChunkLen);
        v.Number("totalNumChunks", ref x.TotalNumChunks);
        v.Number("moreChunksInRange", ref x.MoreChunksInRange);
        v.EndTable(table);
    }
}

internal sealed class QueryLastChunkRsp : ISerdeStruct<QueryLastChunkRsp>
{
    public List<QueryLastChunkResult> Results = [];

    public static string WireName => "QueryLastChunkRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref QueryLastChunkRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "results",
            ref x.Results,
            default(ListOf<QueryLastChunkResult, StructOf<QueryLastChunkResult>>)
        );
        v.EndTable(table);
    }
}

internal struct RemoveChunksOp : ISerdeStruct<RemoveChunksOp>
{
    public VersionedChainId VChainId;
    public ChunkIdRange ChunkIdRange;
    public MessageTag Tag;
    public uint RetryCount;

    public static string WireName => "RemoveChunksOp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveChunksOp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("vChainId", ref x.VChainId);
        v.Struct("chunkIdRange", ref x.ChunkIdRange);
        v.Struct("tag", ref x.Tag);
        v.Number("retryCount", ref x.RetryCount);
        v.EndTable(table);
    }
}

internal sealed class RemoveChunksReq : ISerdeStruct<RemoveChunksReq>
{
    public List<RemoveChunksOp> Payloads = [];
    public UserInfo UserInfo = new();
    public FeatureFlags FeatureFlags;
    public DebugFlags DebugFlags;

    public static string WireName => "RemoveChunksReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveChunksReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "payloads",
            ref x.Payloads,
            default(ListOf<RemoveChunksOp, StructOf<RemoveChunksOp>>)
        );
        v.Struct("userInfo", ref x.UserInfo);
        v.Enum("featureFlags", ref x.FeatureFlags);
        v.Struct("debugFlags", ref x.DebugFlags);
        v.EndTable(table);
    }
}

internal struct RemoveChunksResult : ISerdeStruct<RemoveChunksResult>
{
    public Result<Unit> StatusCode;
    public uint NumChunksRemoved;
    public bool MoreChunksInRange;

    public static string WireName => "RemoveChunksResult";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveChunksResult x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("statusCode", ref x.StatusCode, default(ResultOf<Unit, Nothing>));
        v.Number("numChunksRemoved", ref x.NumChunksRemoved);
        v.Number("moreChunksInRange", ref x.MoreChunksInRange);
        v.EndTable(table);
    }
}

internal sealed class RemoveChunksRsp : ISerdeStruct<RemoveChunksRsp>
{
    public List<RemoveChunksResult> Results = [];

    public static string WireName => "RemoveChunksRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RemoveChunksRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "results",
            ref x.Results,
            default(ListOf<RemoveChunksResult, StructOf<RemoveChunksResult>>)
        );
        v.EndTable(table);
    }
}

internal struct TruncateChunkOp : ISerdeStruct<TruncateChunkOp>
{
    public VersionedChainId VChainId;
    public ChunkId ChunkId;
    public uint ChunkLen;
    public uint ChunkSize;
    public bool OnlyExtendChunk;
    public MessageTag Tag;
    public uint RetryCount;

    public static string WireName => "TruncateChunkOp";

    public static void Visit<TVisitor>(ref TVisitor v, ref TruncateChunkOp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("vChainId", ref x.VChainId);
        v.Field("chunkId", ref x.ChunkId, default(ChunkIdCodec));
        v.Number("chunkLen", ref x.ChunkLen);
        v.Number("chunkSize", ref x.ChunkSize);
        v.Number("onlyExtendChunk", ref x.OnlyExtendChunk);
        v.Struct("tag", ref x.Tag);
        v.Number("retryCount", ref x.RetryCount);
        v.EndTable(table);
    }
}

internal sealed class TruncateChunksReq : ISerdeStruct<TruncateChunksReq>
{
    public List<TruncateChunkOp> Payloads = [];
    public UserInfo UserInfo = new();
    public FeatureFlags FeatureFlags;
    public DebugFlags DebugFlags;

    public static string WireName => "TruncateChunksReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref TruncateChunksReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "payloads",
            ref x.Payloads,
            default(ListOf<TruncateChunkOp, StructOf<TruncateChunkOp>>)
        );
        v.Struct("userInfo", ref x.UserInfo);
        v.Enum("featureFlags", ref x.FeatureFlags);
        v.Struct("debugFlags", ref x.DebugFlags);
        v.EndTable(table);
    }
}

internal sealed class TruncateChunksRsp : ISerdeStruct<TruncateChunksRsp>
{
    public List<IOResult> Results = [];

    public static string WireName => "TruncateChunksRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref TruncateChunksRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("results", ref x.Results, default(ListOf<IOResult, StructOf<IOResult>>));
        v.EndTable(table);
    }
}

internal sealed class UpdateReq : ISerdeStruct<UpdateReq>
{
    public UpdateIO Payload;
    public UpdateOptions Options;
    public MessageTag Tag;
    public uint RetryCount;
    public UserInfo UserInfo = new();
    public FeatureFlags FeatureFlags;
    public DebugFlags DebugFlags;

    public static string WireName => "UpdateReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("payload", ref x.Payload);
        v.Struct("options", ref x.Options);
        v.Struct("tag", ref x.Tag);
        v.Number("retryCount", ref x.RetryCount);
        v.Struct("userInfo", ref x.UserInfo);
        v.Enum("featureFlags", ref x.FeatureFlags);
        v.Struct("debugFlags", ref x.DebugFlags);
        v.EndTable(table);
    }
}

internal sealed class UpdateRsp : ISerdeStruct<UpdateRsp>
{
    public MessageTag Tag;
    public IOResult Result = new();

    public static string WireName => "UpdateRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("tag", ref x.Tag);
        v.Struct("result", ref x.Result);
        v.EndTable(table);
    }
}

internal sealed class WriteReq : ISerdeStruct<WriteReq>
{
    public UpdateIO Payload;
    public MessageTag Tag;
    public uint RetryCount;
    public UserInfo UserInfo = new();
    public FeatureFlags FeatureFlags;
    public DebugFlags DebugFlags;

    public static string WireName => "WriteReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref WriteReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("payload", ref x.Payload);
        v.Struct("tag", ref x.Tag);
        v.Number("retryCount", ref x.RetryCount);
        v.Struct("userInfo", ref x.UserInfo);
        v.Enum("featureFlags", ref x.FeatureFlags);
        v.Struct("debugFlags", ref x.DebugFlags);
        v.EndTable(table);
    }
}

internal sealed class WriteRsp : ISerdeStruct<WriteRsp>
{
    public MessageTag Tag;
    public IOResult Result = new();

    public static string WireName => "WriteRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref WriteRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("tag", ref x.Tag);
        v.Struct("result", ref x.Result);
        v.EndTable(table);
    }
}
