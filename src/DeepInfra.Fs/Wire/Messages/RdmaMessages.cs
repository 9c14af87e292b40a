// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class IBConnectConfig : ISerdeStruct<IBConnectConfig>
{
    public byte Sl;
    public byte TrafficClass;
    public byte GidIndex;
    public ushort PkeyIndex;
    public uint StartPsn;
    public byte MinRnrTimer;
    public byte Timeout;
    public byte RetryCnt;
    public byte RnrRetry;
    public uint MaxSge;
    public uint MaxRdmaWr;
    public uint MaxRdmaWrPerPost;
    public uint MaxRdAtomic;
    public uint BufSize;
    public uint SendBufCnt;
    public uint BufAckBatch;
    public uint BufSignalBatch;
    public uint EventAckBatch;
    public bool RecordLatencyPerPeer;

    public static string WireName => "IBConnectConfig";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBConnectConfig x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("sl", ref x.Sl);
        v.Number("traffic_class", ref x.TrafficClass);
        v.Number("gid_index", ref x.GidIndex);
        v.Number("pkey_index", ref x.PkeyIndex);
        v.Number("start_psn", ref x.StartPsn);
        v.Number("min_rnr_timer", ref x.MinRnrTimer);
        v.Number("timeout", ref x.Timeout);
        v.Number("retry_cnt", ref x.RetryCnt);
        v.Number("rnr_retry", ref x.RnrRetry);
        v.Number("max_sge", ref x.MaxSge);
        v.Number("max_rdma_wr", ref x.MaxRdmaWr);
        v.Number("max_rdma_wr_per_post", ref x.MaxRdmaWrPerPost);
        v.Number("max_rd_atomic", ref x.MaxRdAtomic);
        v.Number("buf_size", ref x.BufSize);
        v.Number("send_buf_cnt", ref x.SendBufCnt);
        v.Number("buf_ack_batch", ref x.BufAckBatch);
        v.Number("buf_signal_batch", ref x.BufSignalBatch);
        v.Number("event_ack_batch", ref x.EventAckBatch);
        v.Number("record_latency_per_peer", ref x.RecordLatencyPerPeer);
        v.EndTable(table);
    }
}

internal sealed class IBConnectIBInfo : ILinkLayer, ISerdeStruct<IBConnectIBInfo>
{
    public ushort Lid;

    public static string WireName => "IBConnectIBInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBConnectIBInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("lid", ref x.Lid);
        v.EndTable(table);
    }
}

internal sealed class IBConnectReq : ISerdeStruct<IBConnectReq>
{
    public string Hostname = "";
    public byte Dev;
    public string DevName = "";
    public byte Port;
    public byte Mtu;
    public uint QpNum;
    public ILinkLayer Linklayer = new IBConnectIBInfo();
    public byte TargetDev;
    public string TargetDevname = "";
    public byte TargetPort;
    public IBConnectConfig Config = new();

    public static string WireName => "IBConnectReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBConnectReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.String("hostname", ref x.Hostname);
        v.Number("dev", ref x.Dev);
        v.String("dev_name", ref x.DevName);
        v.Number("port", ref x.Port);
        v.Number("mtu", ref x.Mtu);
        v.Number("qp_num", ref x.QpNum);
        v.Field("linklayer", ref x.Linklayer, default(LinkLayerCodec));
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Number("target_dev", ref x.TargetDev);
        v.String("target_devname", ref x.TargetDevname);
        v.Number("target_port", ref x.TargetPort);
        v.Struct("config", ref x.Config);
        v.EndTable(table);
    }
}

internal sealed class IBConnectRoCEInfo : ILinkLayer, ISerdeStruct<IBConnectRoCEInfo>
{
    public string Gid = "";

    public static string WireName => "IBConnectRoCEInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBConnectRoCEInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("gid", ref x.Gid);
        v.EndTable(table);
    }
}

internal sealed class IBConnectRsp : ISerdeStruct<IBConnectRsp>
{
    public string Hostname = "";
    public byte Dev;
    public string DevName = "";
    public byte Port;
    public byte Mtu;
    public uint QpNum;
    public ILinkLayer Linklayer = new IBConnectIBInfo();

    public static string WireName => "IBConnectRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBConnectRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var baseTable = v.BeginTable();
        v.String("hostname", ref x.Hostname);
        v.Number("dev", ref x.Dev);
        v.String("dev_name", ref x.DevName);
        v.Number("port", ref x.Port);
        v.Number("mtu", ref x.Mtu);
        v.Number("qp_num", ref x.QpNum);
        v.Field("linklayer", ref x.Linklayer, default(LinkLayerCodec));
        v.EndTable(baseTable);
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class IBDeviceInfo : ISerdeStruct<IBDeviceInfo>
{
    public byte Dev;
    public string DevName = "";
    public List<IBPortInfo> Ports = [];

    public static string WireName => "IBDeviceInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBDeviceInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("dev", ref x.Dev);
        v.String("dev_name", ref x.DevName);
        v.Field("ports", ref x.Ports, default(ListOf<IBPortInfo, StructOf<IBPortInfo>>));
        v.EndTable(table);
    }
}

internal sealed class IBPortInfo : ISerdeStruct<IBPortInfo>
{
    public byte Port;
    public List<string> Zones = [];
    public byte LinkLayer;

    public static string WireName => "PortInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBPortInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("port", ref x.Port);
        v.Field("zones", ref x.Zones, default(ListOf<string, Text>));
        v.Number("link_layer", ref x.LinkLayer);
        v.EndTable(table);
    }
}

internal sealed class IBQueryReq : ISerdeStruct<IBQueryReq>
{
    public static string WireName => "IBQueryReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBQueryReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class IBQueryRsp : ISerdeStruct<IBQueryRsp>
{
    public List<IBDeviceInfo> Devices = [];

    public static string WireName => "IBQueryRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref IBQueryRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("devices", ref x.Devices, default(ListOf<IBDeviceInfo, StructOf<IBDeviceInfo>>));
        v.EndTable(table);
    }
}

internal sealed class RdmaTransmissionReq : ISerdeStruct<RdmaTransmissionReq>
{
    public ulong Uuid;

    public static string WireName => "RDMATransmissionReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RdmaTransmissionReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("uuid", ref x.Uuid);
        v.EndTable(table);
    }
}

internal sealed class RdmaTransmissionRsp : ISerdeStruct<RdmaTransmissionRsp>
{
    public static string WireName => "RDMATransmissionRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RdmaTransmissionRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}
