// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class ListOrphanTargetsReq : IMgmtdRequest, ISerdeStruct<ListOrphanTargetsReq>
{
    public string ClusterId = "";
    public UserInfo User = new();

    public static string WireName => "ListOrphanTargetsReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class RotateAsPreferredOrderReq
    : IMgmtdRequest,
        ISerdeStruct<RotateAsPreferredOrderReq>
{
    public string ClusterId = "";
    public uint ChainId;
    public UserInfo User = new();

    public static string WireName => "RotateAsPreferredOrderReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class RotateLastSrvReq : IMgmtdRequest, ISerdeStruct<RotateLastSrvReq>
{
    public string ClusterId = "";
    public uint ChainId;
    public UserInfo User = new();

    public static string WireName => "RotateLastSrvReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class SetChainTableReq : IMgmtdRequest, ISerdeStruct<SetChainTableReq>
{
    public string ClusterId = "";
    public uint ChainTableId;
    public List<uint> Chains = [];
    public string Desc = "";
    public UserInfo User = new();

    public static string WireName => "SetChainTableReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class SetChainsReq : IMgmtdRequest, ISerdeStruct<SetChainsReq>
{
    public string ClusterId = "";
    public List<ChainSetting> Chains = [];
    public UserInfo User = new();

    public static string WireName => "SetChainsReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class SetPreferredTargetOrderReq
    : IMgmtdRequest,
        ISerdeStruct<SetPreferredTargetOrderReq>
{
    public string ClusterId = "";
    public uint ChainId;
    public List<ulong> PreferredTargetOrder = [];
    public UserInfo User = new();

    public static string WireName => "SetPreferredTargetOrderReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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

internal sealed class UpdateChainReq : IMgmtdRequest, ISerdeStruct<UpdateChainReq>
{
    public string ClusterId = "";
    public UserInfo User = new();
    public uint ChainId;
    public ulong TargetId;
    public UpdateChainMode Mode;

    public static string WireName => "UpdateChainReq";

    void IMgmtdRequest.Prepare(string clusterId, UserInfo user)
    {
        ClusterId = clusterId;
        User = user;
    }

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
