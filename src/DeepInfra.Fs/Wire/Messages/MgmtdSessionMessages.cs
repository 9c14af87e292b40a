// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class ExtendClientSessionReq : IMgmtdRequest, ISerdeStruct<ExtendClientSessionReq>
{
    public string ClusterId = "";
    public string ClientId = "";
    public ulong ClientSessionVersion = 1;
    public ulong ConfigVersion;
    public ClientSessionData Data = new();
    public ConfigStatus ConfigStatus;
    public NodeType Type = NodeType.Client;
    public UserInfo User = new();
    public long ClientStart;

    public static string WireName => "ExtendClientSessionReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref ExtendClientSessionReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.String("clientId", ref x.ClientId);
        v.Number("clientSessionVersion", ref x.ClientSessionVersion);
        v.Number("configVersion", ref x.ConfigVersion);
        v.Struct("data", ref x.Data);
        v.Enum("configStatus", ref x.ConfigStatus);
        v.Enum("type", ref x.Type);
        v.Struct("user", ref x.User);
        v.Number("clientStart", ref x.ClientStart);
        v.EndTable(table);
    }
}

internal sealed class ExtendClientSessionRsp : ISerdeStruct<ExtendClientSessionRsp>
{
    public ConfigInfo? Config;
    public List<TagPair> Tags = [];

    public static string WireName => "ExtendClientSessionRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref ExtendClientSessionRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("config", ref x.Config, default(OptionalRef<ConfigInfo, StructOf<ConfigInfo>>));
        v.Field("tags", ref x.Tags, default(ListOf<TagPair, StructOf<TagPair>>));
        v.EndTable(table);
    }
}

internal sealed class GetClientSessionReq : IMgmtdRequest, ISerdeStruct<GetClientSessionReq>
{
    public string ClusterId = "";
    public string ClientId = "";
    public UserInfo User = new();

    public static string WireName => "GetClientSessionReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref GetClientSessionReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.String("clientId", ref x.ClientId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class GetClientSessionRsp : ISerdeStruct<GetClientSessionRsp>
{
    public bool Bootstrapping;
    public ClientSession? Session;
    public List<TagPair> ReferencedTags = [];

    public static string WireName => "GetClientSessionRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetClientSessionRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("bootstrapping", ref x.Bootstrapping);
        v.Field(
            "session",
            ref x.Session,
            default(OptionalRef<ClientSession, StructOf<ClientSession>>)
        );
        v.Field(
            "referencedTags",
            ref x.ReferencedTags,
            default(ListOf<TagPair, StructOf<TagPair>>)
        );
        v.EndTable(table);
    }
}

internal sealed class GetConfigReq : IMgmtdRequest, ISerdeStruct<GetConfigReq>
{
    public string ClusterId = "";
    public NodeType NodeType;
    public ulong ConfigVersion;
    public bool ExactVersion;
    public UserInfo User = new();

    public static string WireName => "GetConfigReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref GetConfigReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Enum("nodeType", ref x.NodeType);
        v.Number("configVersion", ref x.ConfigVersion);
        v.Number("exactVersion", ref x.ExactVersion);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class GetConfigRsp : ISerdeStruct<GetConfigRsp>
{
    public ConfigInfo? Info;

    public static string WireName => "GetConfigRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetConfigRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("info", ref x.Info, default(OptionalRef<ConfigInfo, StructOf<ConfigInfo>>));
        v.EndTable(table);
    }
}

internal sealed class GetConfigVersionsReq : IMgmtdRequest, ISerdeStruct<GetConfigVersionsReq>
{
    public string ClusterId = "";
    public UserInfo User = new();

    public static string WireName => "GetConfigVersionsReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref GetConfigVersionsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class GetConfigVersionsRsp : ISerdeStruct<GetConfigVersionsRsp>
{
    public Dictionary<string, ulong> Versions = [];

    public static string WireName => "GetConfigVersionsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetConfigVersionsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("versions", ref x.Versions, default(MapOf<string, Text, ulong, Scalar<ulong>>));
        v.EndTable(table);
    }
}

internal sealed class GetUniversalTagsReq : IMgmtdRequest, ISerdeStruct<GetUniversalTagsReq>
{
    public string ClusterId = "";
    public string UniversalId = "";
    public UserInfo User = new();

    public static string WireName => "GetUniversalTagsReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref GetUniversalTagsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.String("universalId", ref x.UniversalId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class GetUniversalTagsRsp : ISerdeStruct<GetUniversalTagsRsp>
{
    public List<TagPair> Tags = [];

    public static string WireName => "GetUniversalTagsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetUniversalTagsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("tags", ref x.Tags, default(ListOf<TagPair, StructOf<TagPair>>));
        v.EndTable(table);
    }
}

internal sealed class ListClientSessionsReq : IMgmtdRequest, ISerdeStruct<ListClientSessionsReq>
{
    public string ClusterId = "";
    public UserInfo User = new();

    public static string WireName => "ListClientSessionsReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref ListClientSessionsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class ListClientSessionsRsp : ISerdeStruct<ListClientSessionsRsp>
{
    public bool Bootstrapping;
    public List<ClientSession> Sessions = [];
    public Dictionary<string, List<TagPair>> ReferencedTags = [];

    public static string WireName => "ListClientSessionsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref ListClientSessionsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("bootstrapping", ref x.Bootstrapping);
        v.Field(
            "sessions",
            ref x.Sessions,
            default(ListOf<ClientSession, StructOf<ClientSession>>)
        );
        v.Field(
            "referencedTags",
            ref x.ReferencedTags,
            default(MapOf<string, Text, List<TagPair>, ListOf<TagPair, StructOf<TagPair>>>)
        );
        v.EndTable(table);
    }
}

internal sealed class SetConfigReq : IMgmtdRequest, ISerdeStruct<SetConfigReq>
{
    public string ClusterId = "";
    public NodeType NodeType;
    public string Content = "";
    public string Desc = "";
    public UserInfo User = new();

    public static string WireName => "SetConfigReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref SetConfigReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Enum("nodeType", ref x.NodeType);
        v.String("content", ref x.Content);
        v.String("desc", ref x.Desc);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class SetConfigRsp : ISerdeStruct<SetConfigRsp>
{
    public ulong ConfigVersion;

    public static string WireName => "SetConfigRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetConfigRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("configVersion", ref x.ConfigVersion);
        v.EndTable(table);
    }
}

internal sealed class SetUniversalTagsReq : IMgmtdRequest, ISerdeStruct<SetUniversalTagsReq>
{
    public string ClusterId = "";
    public string UniversalId = "";
    public List<TagPair> Tags = [];
    public SetTagMode Mode;
    public UserInfo User = new();

    public static string WireName => "SetUniversalTagsReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref SetUniversalTagsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.String("universalId", ref x.UniversalId);
        v.Field("tags", ref x.Tags, default(ListOf<TagPair, StructOf<TagPair>>));
        v.Enum("mode", ref x.Mode);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class SetUniversalTagsRsp : ISerdeStruct<SetUniversalTagsRsp>
{
    public List<TagPair> Tags = [];

    public static string WireName => "SetUniversalTagsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SetUniversalTagsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("tags", ref x.Tags, default(ListOf<TagPair, StructOf<TagPair>>));
        v.EndTable(table);
    }
}
