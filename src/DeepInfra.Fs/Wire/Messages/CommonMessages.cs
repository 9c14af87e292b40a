// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class UserInfo : ISerdeStruct<UserInfo>
{
    public uint Uid;
    public uint Gid;
    public List<uint> Groups = [];
    public string Token = "";

    public static string WireName => "UserInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref UserInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("uid", ref x.Uid);
        v.Number("gid", ref x.Gid);
        v.Field("groups", ref x.Groups, default(ListOf<uint, Scalar<uint>>));
        v.String("token", ref x.Token);
        v.EndTable(table);
    }
}

internal struct ClientId : ISerdeStruct<ClientId>
{
    public Guid Uuid;
    public string Hostname;

    public static string WireName => "ClientId";

    public static void Visit<TVisitor>(ref TVisitor v, ref ClientId x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("uuid", ref x.Uuid, default(Uuid));
        v.String("hostname", ref x.Hostname);
        v.EndTable(table);
    }
}

internal struct TagPair : ISerdeStruct<TagPair>
{
    public string Key;
    public string Value;

    public static string WireName => "TagPair";

    public static void Visit<TVisitor>(ref TVisitor v, ref TagPair x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("key", ref x.Key);
        v.String("value", ref x.Value);
        v.EndTable(table);
    }
}

internal sealed class ServiceGroupInfo : ISerdeStruct<ServiceGroupInfo>
{
    public List<string> Services = [];
    public List<NodeAddress> Endpoints = [];

    public static string WireName => "ServiceGroupInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref ServiceGroupInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("services", ref x.Services, default(SetOf<string, Text>));
        v.Field("endpoints", ref x.Endpoints, default(ListOf<NodeAddress, AddressCodec>));
        v.EndTable(table);
    }
}

internal sealed class ReleaseVersion : ISerdeStruct<ReleaseVersion>
{
    public byte MajorVersion = 1;
    public byte MinorVersion;
    public byte PatchVersion;
    public uint CommitHashShort;
    public ulong BuildTimeInSeconds;
    public uint BuildPipelineId;

    public static string WireName => "ReleaseVersion";

    public static void Visit<TVisitor>(ref TVisitor v, ref ReleaseVersion x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("majorVersion", ref x.MajorVersion);
        v.Number("minorVersion", ref x.MinorVersion);
        v.Number("patchVersion", ref x.PatchVersion);
        v.Number("commitHashShort", ref x.CommitHashShort);
        v.Number("buildTimeInSeconds", ref x.BuildTimeInSeconds);
        v.Number("buildPipelineId", ref x.BuildPipelineId);
        v.EndTable(table);
    }
}

internal sealed class FbsAppInfo : ISerdeStruct<FbsAppInfo>
{
    public uint NodeId;
    public string Hostname = "";
    public uint Pid;
    public List<ServiceGroupInfo> ServiceGroups = [];
    public ReleaseVersion ReleaseVersion = new();
    public string Podname = "";

    public static string WireName => "FbsAppInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref FbsAppInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("nodeId", ref x.NodeId);
        v.String("hostname", ref x.Hostname);
        v.Number("pid", ref x.Pid);
        v.Field(
            "serviceGroups",
            ref x.ServiceGroups,
            default(ListOf<ServiceGroupInfo, StructOf<ServiceGroupInfo>>)
        );
        v.Struct("releaseVersion", ref x.ReleaseVersion);
        v.String("podname", ref x.Podname);
        v.EndTable(table);
    }
}

internal sealed class ConfigInfo : ISerdeStruct<ConfigInfo>
{
    public ulong ConfigVersion;
    public string Content = "";
    public string Desc = "";

    public static string WireName => "ConfigInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref ConfigInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("configVersion", ref x.ConfigVersion);
        v.String("content", ref x.Content);
        v.String("desc", ref x.Desc);
        v.EndTable(table);
    }
}
