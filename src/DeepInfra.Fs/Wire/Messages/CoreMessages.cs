// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class EchoMessage : ISerdeStruct<EchoMessage>
{
    public string Str = "";

    public static string WireName => "EchoMessage";

    public static void Visit<TVisitor>(ref TVisitor v, ref EchoMessage x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("str", ref x.Str);
        v.EndTable(table);
    }
}

internal sealed class CoreGetConfigReq : ISerdeStruct<CoreGetConfigReq>
{
    public string ConfigKey = "";

    public static string WireName => "GetConfigReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref CoreGetConfigReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("configKey", ref x.ConfigKey);
        v.EndTable(table);
    }
}

internal sealed class CoreGetConfigRsp : ISerdeStruct<CoreGetConfigRsp>
{
    public string Config = "";

    public static string WireName => "GetConfigRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref CoreGetConfigRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("config", ref x.Config);
        v.EndTable(table);
    }
}

internal sealed class GetLastConfigUpdateRecordReq : ISerdeStruct<GetLastConfigUpdateRecordReq>
{
    public static string WireName => "GetLastConfigUpdateRecordReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetLastConfigUpdateRecordReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class GetLastConfigUpdateRecordRsp : ISerdeStruct<GetLastConfigUpdateRecordRsp>
{
    public ConfigUpdateRecord? Record;

    public static string WireName => "GetLastConfigUpdateRecordRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref GetLastConfigUpdateRecordRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field(
            "record",
            ref x.Record,
            default(OptionalRef<ConfigUpdateRecord, StructOf<ConfigUpdateRecord>>)
        );
        v.EndTable(table);
    }
}

internal sealed class HotUpdateConfigReq : ISerdeStruct<HotUpdateConfigReq>
{
    public string Update = "";
    public bool Render;

    public static string WireName => "HotUpdateConfigReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref HotUpdateConfigReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("update", ref x.Update);
        v.Number("render", ref x.Render);
        v.EndTable(table);
    }
}

internal sealed class HotUpdateConfigRsp : ISerdeStruct<HotUpdateConfigRsp>
{
    public static string WireName => "HotUpdateConfigRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref HotUpdateConfigRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class RenderConfigReq : ISerdeStruct<RenderConfigReq>
{
    public string ConfigTemplate = "";
    public bool TestUpdate = true;
    public bool IsHotUpdate = true;

    public static string WireName => "RenderConfigReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref RenderConfigReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("configTemplate", ref x.ConfigTemplate);
        v.Number("testUpdate", ref x.TestUpdate);
        v.Number("isHotUpdate", ref x.IsHotUpdate);
        v.EndTable(table);
    }
}

internal sealed class RenderConfigRsp : ISerdeStruct<RenderConfigRsp>
{
    public string ConfigAfterRender = "";
    public Status UpdateStatus;
    public string ConfigAfterUpdate = "";

    public static string WireName => "RenderConfigRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref RenderConfigRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("configAfterRender", ref x.ConfigAfterRender);
        v.Field("updateStatus", ref x.UpdateStatus, default(StatusCodec));
        v.String("configAfterUpdate", ref x.ConfigAfterUpdate);
        v.EndTable(table);
    }
}

internal sealed class ShutdownReq : ISerdeStruct<ShutdownReq>
{
    public bool Graceful = true;

    public static string WireName => "ShutdownReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref ShutdownReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("graceful", ref x.Graceful);
        v.EndTable(table);
    }
}

internal sealed class ShutdownRsp : ISerdeStruct<ShutdownRsp>
{
    public static string WireName => "ShutdownRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref ShutdownRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class ConfigUpdateRecord : ISerdeStruct<ConfigUpdateRecord>
{
    public long UpdateTime;
    public Status Result;
    public string Description = "";

    public static string WireName => "ConfigUpdateRecord";

    public static void Visit<TVisitor>(ref TVisitor v, ref ConfigUpdateRecord x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("updateTime", ref x.UpdateTime);
        v.Field("result", ref x.Result, default(StatusCodec));
        v.String("description", ref x.Description);
        v.EndTable(table);
    }
}

internal sealed class SimpleExampleReq : ISerdeStruct<SimpleExampleReq>
{
    public string Message = "";

    public static string WireName => "SimpleExampleReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref SimpleExampleReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("message", ref x.Message);
        v.EndTable(table);
    }
}

internal sealed class SimpleExampleRsp : ISerdeStruct<SimpleExampleRsp>
{
    public string Message = "";

    public static string WireName => "SimpleExampleRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref SimpleExampleRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("message", ref x.Message);
        v.EndTable(table);
    }
}
