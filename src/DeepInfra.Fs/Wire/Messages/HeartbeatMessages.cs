// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class HeartbeatInfo : ISerdeStruct<HeartbeatInfo>
{
    public IHeartbeatBody Info = new MetaHeartbeatInfo();
    public FbsAppInfo App = new();
    public ulong HbVersion = 1;
    public ulong ConfigVersion;
    public ConfigStatus ConfigStatus;

    public static string WireName => "HeartbeatInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref HeartbeatInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("info", ref x.Info, default(HeartbeatBodyCodec));
        v.Struct("app", ref x.App);
        v.Number("hbVersion", ref x.HbVersion);
        v.Number("configVersion", ref x.ConfigVersion);
        v.Enum("configStatus", ref x.ConfigStatus);
        v.EndTable(table);
    }
}

internal sealed class MetaHeartbeatInfo : IHeartbeatBody, ISerdeStruct<MetaHeartbeatInfo>
{
    public static string WireName => "MetaHeartbeatInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref MetaHeartbeatInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class StorageHeartbeatInfo : IHeartbeatBody, ISerdeStruct<StorageHeartbeatInfo>
{
    public List<LocalTargetInfo> Targets = [];

    public static string WireName => "StorageHeartbeatInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref StorageHeartbeatInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "targets",
            ref x.Targets,
            default(ListOf<LocalTargetInfo, StructOf<LocalTargetInfo>>)
        );
        v.EndTable(table);
    }
}

internal sealed class MgmtdHeartbeatInfo : IHeartbeatBody, ISerdeStruct<MgmtdHeartbeatInfo>
{
    public static string WireName => "MgmtdHeartbeatInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref MgmtdHeartbeatInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class HeartbeatReq : IMgmtdRequest, ISerdeStruct<HeartbeatReq>
{
    public string ClusterId = "";
    public HeartbeatInfo Info = new();
    public long Timestamp;
    public UserInfo User = new();

    public static string WireName => "HeartbeatReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

    public static void Visit<TVisitor>(ref TVisitor v, ref HeartbeatReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("clusterId", ref x.ClusterId);
        v.Struct("info", ref x.Info);
        v.Number("timestamp", ref x.Timestamp);
        v.Struct("user", ref x.User);
        v.EndTable(table);
    }
}

internal sealed class HeartbeatRsp : ISerdeStruct<HeartbeatRsp>
{
    public ConfigInfo? Config;

    public static string WireName => "HeartbeatRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref HeartbeatRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("config", ref x.Config, default(OptionalRef<ConfigInfo, StructOf<ConfigInfo>>));
        v.EndTable(table);
    }
}
