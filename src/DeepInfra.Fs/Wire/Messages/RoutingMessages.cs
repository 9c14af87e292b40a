// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class PersistentNodeInfo : ISerdeStruct<PersistentNodeInfo>
{
    public uint NodeId;
    public NodeType Type;
    public List<ServiceGroupInfo> ServiceGroups = [];
    public List<TagPair> Tags = [];
    public string Hostname = "";

    public static string WireName => "PersistentNodeInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref PersistentNodeInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("nodeId", ref x.NodeId);
        v.Enum("type", ref x.Type);
        v.Field(
            "serviceGroups",
            ref x.ServiceGroups,
            default(ListOf<ServiceGroupInfo, StructOf<ServiceGroupInfo>>)
        );
        v.Field("tags", ref x.Tags, default(ListOf<TagPair, StructOf<TagPair>>));
        v.String("hostname", ref x.Hostname);
        v.EndTable(table);
    }
}

internal sealed class NodeInfo : ISerdeStruct<NodeInfo>
{
    public FbsAppInfo App = new();
    public NodeType Type;
    public NodeStatus Status = NodeStatus.HeartbeatConnecting;
    public long LastHeartbeatTs;
    public List<TagPair> Tags = [];
    public ulong ConfigVersion;
    public ConfigStatus ConfigStatus;

    public static string WireName => "NodeInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref NodeInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("app", ref x.App);
        v.Enum("type", ref x.Type);
        v.Enum("status", ref x.Status);
        v.Number("lastHeartbeatTs", ref x.LastHeartbeatTs);
        v.Field("tags", ref x.Tags, default(ListOf<TagPair, StructOf<TagPair>>));
        v.Number("configVersion", ref x.ConfigVersion);
        v.Enum("configStatus", ref x.ConfigStatus);
        v.EndTable(table);
    }
}

internal struct ChainTargetInfo : ISerdeStruct<ChainTargetInfo>
{
    public ulong TargetId;
    public PublicTargetState PublicState;

    public static string WireName => "ChainTargetInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChainTargetInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.Enum("publicState", ref x.PublicState);
        v.EndTable(table);
    }
}

internal struct ChainTargetSetting : ISerdeStruct<ChainTargetSetting>
{
    public ulong TargetId;

    public static string WireName => "ChainTargetSetting";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChainTargetSetting x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.EndTable(table);
    }
}

internal sealed class ChainInfo : ISerdeStruct<ChainInfo>
{
    public uint ChainId;
    public uint ChainVersion;
    public List<ChainTargetInfo> Targets = [];
    public List<ulong> PreferredTargetOrder = [];

    public static string WireName => "ChainInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChainInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("chainId", ref x.ChainId);
        v.Number("chainVersion", ref x.ChainVersion);
        v.Field(
            "targets",
            ref x.Targets,
            default(ListOf<ChainTargetInfo, StructOf<ChainTargetInfo>>)
        );
        v.Field(
            "preferredTargetOrder",
            ref x.PreferredTargetOrder,
            default(ListOf<ulong, Scalar<ulong>>)
        );
        v.EndTable(table);
    }
}

internal sealed class ChainSetting : ISerdeStruct<ChainSetting>
{
    public uint ChainId;
    public List<ChainTargetSetting> Targets = [];
    public bool SetPreferredTargetOrder;

    public static string WireName => "ChainSetting";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChainSetting x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("chainId", ref x.ChainId);
        v.Field(
            "targets",
            ref x.Targets,
            default(ListOf<ChainTargetSetting, StructOf<ChainTargetSetting>>)
        );
        v.Number("setPreferredTargetOrder", ref x.SetPreferredTargetOrder);
        v.EndTable(table);
    }
}

internal sealed class ChainTable : ISerdeStruct<ChainTable>
{
    public uint ChainTableId;
    public uint ChainTableVersion;
    public List<uint> Chains = [];
    public string Desc = "";

    public static string WireName => "ChainTable";

    public static void Visit<TVisitor>(ref TVisitor v, ref ChainTable x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("chainTableId", ref x.ChainTableId);
        v.Number("chainTableVersion", ref x.ChainTableVersion);
        v.Field("chains", ref x.Chains, default(ListOf<uint, Scalar<uint>>));
        v.String("desc", ref x.Desc);
        v.EndTable(table);
    }
}

internal struct TargetInfo : ISerdeStruct<TargetInfo>
{
    public ulong TargetId;
    public PublicTargetState PublicState;
    public LocalTargetState LocalState;
    public uint ChainId;
    public uint? NodeId;
    public uint? DiskIndex;
    public ulong UsedSize;

    public static string WireName => "TargetInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref TargetInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.Enum("publicState", ref x.PublicState);
        v.Enum("localState", ref x.LocalState);
        v.Number("chainId", ref x.ChainId);
        v.Field("nodeId", ref x.NodeId, default(OptionalValue<uint, Scalar<uint>>));
        v.Field("diskIndex", ref x.DiskIndex, default(OptionalValue<uint, Scalar<uint>>));
        v.Number("usedSize", ref x.UsedSize);
        v.EndTable(table);
    }
}

internal sealed class LocalTargetInfo : ISerdeStruct<LocalTargetInfo>
{
    public ulong TargetId;
    public LocalTargetState LocalState;
    public uint? DiskIndex;
    public ulong UsedSize;
    public uint ChainVersion;
    public bool LowSpace;

    public static string WireName => "LocalTargetInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref LocalTargetInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.Enum("localState", ref x.LocalState);
        v.Field("diskIndex", ref x.DiskIndex, default(OptionalValue<uint, Scalar<uint>>));
        v.Number("usedSize", ref x.UsedSize);
        v.Number("chainVersion", ref x.ChainVersion);
        v.Number("lowSpace", ref x.LowSpace);
        v.EndTable(table);
    }
}

internal sealed class RoutingInfo : ISerdeStruct<RoutingInfo>
{
    public ulong RoutingInfoVersion;
    public bool Bootstrapping;
    public Dictionary<uint, NodeInfo> Nodes = [];
    public Dictionary<uint, Dictionary<uint, ChainTable>> ChainTables = [];
    public Dictionary<uint, ChainInfo> Chains = [];
    public Dictionary<ulong, TargetInfo> Targets = [];

    public static string WireName => "RoutingInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref RoutingInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("routingInfoVersion", ref x.RoutingInfoVersion);
        v.Number("bootstrapping", ref x.Bootstrapping);
        v.Field(
            "nodes",
            ref x.Nodes,
            default(MapOf<uint, Scalar<uint>, NodeInfo, StructOf<NodeInfo>>)
        );
        v.Field(
            "chainTables",
            ref x.ChainTables,
            default(MapOf<
                uint,
                Scalar<uint>,
                Dictionary<uint, ChainTable>,
                SortedMapOf<uint, Scalar<uint>, ChainTable, StructOf<ChainTable>>
            >)
        );
        v.Field(
            "chains",
            ref x.Chains,
            default(MapOf<uint, Scalar<uint>, ChainInfo, StructOf<ChainInfo>>)
        );
        v.Field(
            "targets",
            ref x.Targets,
            default(MapOf<ulong, Scalar<ulong>, TargetInfo, StructOf<TargetInfo>>)
        );
        v.EndTable(table);
    }
}

internal sealed class ClientSessionData : ISerdeStruct<ClientSessionData>
{
    public string UniversalId = "";
    public string Description = "";
    public List<ServiceGroupInfo> ServiceGroups = [];
    public ReleaseVersion ReleaseVersion = new();

    public static string WireName => "ClientSessionData";

    public static void Visit<TVisitor>(ref TVisitor v, ref ClientSessionData x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("universalId", ref x.UniversalId);
        v.String("description", ref x.Description);
        v.Field(
            "serviceGroups",
            ref x.ServiceGroups,
            default(ListOf<ServiceGroupInfo, StructOf<ServiceGroupInfo>>)
        );
        v.Struct("releaseVersion", ref x.ReleaseVersion);
        v.EndTable(table);
    }
}

internal sealed class ClientSession : ISerdeStruct<ClientSession>
{
    public string ClientId = "";
    public ulong ConfigVersion;
    public long Start;
    public long LastExtend;
    public string UniversalId = "";
    public string Description = "";
    public List<ServiceGroupInfo> ServiceGroups = [];
    public ReleaseVersion ReleaseVersion = new();
    public ConfigStatus ConfigStatus;
    public NodeType Type;
    public long ClientStart;

    public static string WireName => "ClientSession";

    public static void Visit<TVisitor>(ref TVisitor v, ref ClientSession x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clientId", ref x.ClientId);
        v.Number("configVersion", ref x.ConfigVersion);
        v.Number("start", ref x.Start);
        v.Number("lastExtend", ref x.LastExtend);
        v.String("universalId", ref x.UniversalId);
        v.String("description", ref x.Description);
        v.Field(
            "serviceGroups",
            ref x.ServiceGroups,
            default(ListOf<ServiceGroupInfo, StructOf<ServiceGroupInfo>>)
        );
        v.Struct("releaseVersion", ref x.ReleaseVersion);
        v.Enum("configStatus", ref x.ConfigStatus);
        v.Enum("type", ref x.Type);
        v.Number("clientStart", ref x.ClientStart);
        v.EndTable(table);
    }
}
