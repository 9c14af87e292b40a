// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class DisableNodeReq : IMgmtdRequest, ISerdeStruct<DisableNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public UserInfo User = new();

    public static string WireName => "DisableNodeReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class EnableNodeReq : IMgmtdRequest, ISerdeStruct<EnableNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public UserInfo User = new();

    public static string WireName => "EnableNodeReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class GetPrimaryMgmtdReq : IMgmtdRequest, ISerdeStruct<GetPrimaryMgmtdReq>
{
    public string ClusterId = "";
    public UserInfo User = new();

    public static string WireName => "GetPrimaryMgmtdReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class GetRoutingInfoReq : IMgmtdRequest, ISerdeStruct<GetRoutingInfoReq>
{
    public string ClusterId = "";
    public ulong RoutingInfoVersion;
    public UserInfo User = new();

    public static string WireName => "GetRoutingInfoReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class RegisterNodeReq : IMgmtdRequest, ISerdeStruct<RegisterNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public NodeType Type;
    public UserInfo User = new();

    public static string WireName => "RegisterNodeReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class SetNodeTagsReq : IMgmtdRequest, ISerdeStruct<SetNodeTagsReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public List<TagPair> Tags = [];
    public SetTagMode Mode;
    public UserInfo User = new();

    public static string WireName => "SetNodeTagsReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class UnregisterNodeReq : IMgmtdRequest, ISerdeStruct<UnregisterNodeReq>
{
    public string ClusterId = "";
    public uint NodeId;
    public UserInfo User = new();

    public static string WireName => "UnregisterNodeReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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
