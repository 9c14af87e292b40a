// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class DisableNodeReq : ISerdeStruct<DisableNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public UserInfo User = new();

    public static string WireName => "DisableNodeReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref DisableNodeReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("nodeId", ref x.NodeId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class DisableNodeRsp : ISerdeStruct<DisableNodeRsp>
{
    public static string WireName => "DisableNodeRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref DisableNodeRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class EnableNodeReq : ISerdeStruct<EnableNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public UserInfo User = new();

    public static string WireName => "EnableNodeReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref EnableNodeReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("nodeId", ref x.NodeId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class EnableNodeRsp : ISerdeStruct<EnableNodeRsp>
{
    public static string WireName => "EnableNodeRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref EnableNodeRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class GetPrimaryMgmtdReq : ISerdeStruct<GetPrimaryMgmtdReq>
{
    public string ClusterId = "";
    public UserInfo User = new();

    public static string WireName => "GetPrimaryMgmtdReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetPrimaryMgmtdReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class GetPrimaryMgmtdRsp : ISerdeStruct<GetPrimaryMgmtdRsp>
{
    public PersistentNodeInfo? Primary;

    public static string WireName => "GetPrimaryMgmtdRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetPrimaryMgmtdRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "primary",
            ref x.Primary,
            default(OptionalRef<PersistentNodeInfo, StructOf<PersistentNodeInfo>>)
        );
        v.EndTable(table);
    }
}

internal sealed class GetRoutingInfoReq : ISerdeStruct<GetRoutingInfoReq>
{
    public string ClusterId = "";
    public ulong RoutingInfoVersion;
    public UserInfo User = new();

    public static string WireName => "GetRoutingInfoReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetRoutingInfoReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("routingInfoVersion", ref x.RoutingInfoVersion);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class GetRoutingInfoRsp : ISerdeStruct<GetRoutingInfoRsp>
{
    public RoutingInfo? Info;

    public static string WireName => "GetRoutingInfoRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetRoutingInfoRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("info", ref x.Info, default(OptionalRef<RoutingInfo, StructOf<RoutingInfo>>));
        v.EndTable(table);
    }
}

internal sealed class ListOrphanTargetsReq : ISerdeStruct<ListOrphanTargetsReq>
{
    public string ClusterId = "";
    public UserInfo User = new();

    public static string WireName => "ListOrphanTargetsReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref ListOrphanTargetsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class ListOrphanTargetsRsp : ISerdeStruct<ListOrphanTargetsRsp>
{
    public List<TargetInfo> Targets = [];

    public static string WireName => "ListOrphanTargetsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref ListOrphanTargetsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("targets", ref x.Targets, default(ListOf<TargetInfo, StructOf<TargetInfo>>));
        v.EndTable(table);
    }
}

internal sealed class RegisterNodeReq : ISerdeStruct<RegisterNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public NodeType Type;
    public UserInfo User = new();

    public static string WireName => "RegisterNodeReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RegisterNodeReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("nodeId", ref x.NodeId);
        v.Enum("type", ref x.Type);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class RegisterNodeRsp : ISerdeStruct<RegisterNodeRsp>
{
    public static string WireName => "RegisterNodeRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RegisterNodeRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class RotateAsPreferredOrderReq : ISerdeStruct<RotateAsPreferredOrderReq>
{
    public string ClusterId = "";
    public uint ChainId;
    public UserInfo User = new();

    public static string WireName => "RotateAsPreferredOrderReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RotateAsPreferredOrderReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("chainId", ref x.ChainId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class RotateAsPreferredOrderRsp : ISerdeStruct<RotateAsPreferredOrderRsp>
{
    public ChainInfo Chain = new();

    public static string WireName => "RotateAsPreferredOrderRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RotateAsPreferredOrderRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("chain", ref x.Chain);
        v.EndTable(table);
    }
}

internal sealed class RotateLastSrvReq : ISerdeStruct<RotateLastSrvReq>
{
    public string ClusterId = "";
    public uint ChainId;
    public UserInfo User = new();

    public static string WireName => "RotateLastSrvReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RotateLastSrvReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("chainId", ref x.ChainId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class RotateLastSrvRsp : ISerdeStruct<RotateLastSrvRsp>
{
    public ChainInfo Chain = new();

    public static string WireName => "RotateLastSrvRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RotateLastSrvRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("chain", ref x.Chain);
        v.EndTable(table);
    }
}

internal sealed class SetChainTableReq : ISerdeStruct<SetChainTableReq>
{
    public string ClusterId = "";
    public uint ChainTableId;
    public List<uint> Chains = [];
    public string Desc = "";
    public UserInfo User = new();

    public static string WireName => "SetChainTableReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetChainTableReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("chainTableId", ref x.ChainTableId);
        v.Field("chains", ref x.Chains, default(ListOf<uint, Scalar<uint>>));
        v.String("desc", ref x.Desc);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class SetChainTableRsp : ISerdeStruct<SetChainTableRsp>
{
    public uint ChainTableVersion;

    public static string WireName => "SetChainTableRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetChainTableRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("chainTableVersion", ref x.ChainTableVersion);
        v.EndTable(table);
    }
}

internal sealed class SetChainsReq : ISerdeStruct<SetChainsReq>
{
    public string ClusterId = "";
    public List<ChainSetting> Chains = [];
    public UserInfo User = new();

    public static string WireName => "SetChainsReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetChainsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Field("chains", ref x.Chains, default(ListOf<ChainSetting, StructOf<ChainSetting>>));
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class SetChainsRsp : ISerdeStruct<SetChainsRsp>
{
    public static string WireName => "SetChainsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetChainsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class SetNodeTagsReq : ISerdeStruct<SetNodeTagsReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public List<TagPair> Tags = [];
    public SetTagMode Mode;
    public UserInfo User = new();

    public static string WireName => "SetNodeTagsReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetNodeTagsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("nodeId", ref x.NodeId);
        v.Field("tags", ref x.Tags, default(ListOf<TagPair, StructOf<TagPair>>));
        v.Enum("mode", ref x.Mode);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class SetNodeTagsRsp : ISerdeStruct<SetNodeTagsRsp>
{
    public NodeInfo Info = new();

    public static string WireName => "SetNodeTagsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetNodeTagsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("info", ref x.Info);
        v.EndTable(table);
    }
}

internal sealed class SetPreferredTargetOrderReq : ISerdeStruct<SetPreferredTargetOrderReq>
{
    public string ClusterId = "";
    public uint ChainId;
    public List<ulong> PreferredTargetOrder = [];
    public UserInfo User = new();

    public static string WireName => "SetPreferredTargetOrderReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetPreferredTargetOrderReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("chainId", ref x.ChainId);
        v.Field(
            "preferredTargetOrder",
            ref x.PreferredTargetOrder,
            default(ListOf<ulong, Scalar<ulong>>)
        );
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class SetPreferredTargetOrderRsp : ISerdeStruct<SetPreferredTargetOrderRsp>
{
    public ChainInfo Chain = new();

    public static string WireName => "SetPreferredTargetOrderRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetPreferredTargetOrderRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("chain", ref x.Chain);
        v.EndTable(table);
    }
}

internal sealed class UnregisterNodeReq : ISerdeStruct<UnregisterNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public UserInfo User = new();

    public static string WireName => "UnregisterNodeReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref UnregisterNodeReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Number("nodeId", ref x.NodeId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class UnregisterNodeRsp : ISerdeStruct<UnregisterNodeRsp>
{
    public static string WireName => "UnregisterNodeRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref UnregisterNodeRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class UpdateChainReq : ISerdeStruct<UpdateChainReq>
{
    public string ClusterId = "";
    public UserInfo User = new();
    public uint ChainId;
    public ulong TargetId;
    public UpdateChainMode Mode;

    public static string WireName => "UpdateChainReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateChainReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Struct("user", ref x.User);
        v.Number("chainId", ref x.ChainId);
        v.Number("targetId", ref x.TargetId);
        v.Enum("mode", ref x.Mode);
        v.EndTable(table);
    }
}

internal sealed class UpdateChainRsp : ISerdeStruct<UpdateChainRsp>
{
    public ChainInfo Chain = new();

    public static string WireName => "UpdateChainRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateChainRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("chain", ref x.Chain);
        v.EndTable(table);
    }
}
