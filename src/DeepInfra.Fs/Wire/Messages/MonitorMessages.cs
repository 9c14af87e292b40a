// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class MonitorDistribution : IMonitorValue, ISerdeStruct<MonitorDistribution>
{
    public double Cnt;
    public double Sum;
    public double Min;
    public double Max;
    public double P50;
    public double P90;
    public double P95;
    public double P99;

    public static string WireName => "Distribution";

    public static void Visit<TVisitor>(ref TVisitor v, ref MonitorDistribution x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("cnt", ref x.Cnt);
        v.Number("sum", ref x.Sum);
        v.Number("min", ref x.Min);
        v.Number("max", ref x.Max);
        v.Number("p50", ref x.P50);
        v.Number("p90", ref x.P90);
        v.Number("p95", ref x.P95);
        v.Number("p99", ref x.P99);
        v.EndTable(table);
    }
}

internal sealed class MonitorCollectorRsp : ISerdeStruct<MonitorCollectorRsp>
{
    public static string WireName => "MonitorCollectorRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref MonitorCollectorRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}

internal sealed class MonitorSample : ISerdeStruct<MonitorSample>
{
    public string Name = "";
    public MonitorTagSet Tags = new();
    public long Timestamp;
    public IMonitorValue Value = new MonitorNumber();

    public static string WireName => "Sample";

    public static void Visit<TVisitor>(ref TVisitor v, ref MonitorSample x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("name", ref x.Name);
        v.Struct("tags", ref x.Tags);
        v.Number("timestamp", ref x.Timestamp);
        v.Field("value", ref x.Value, default(MonitorValueCodec));
        v.EndTable(table);
    }
}

internal sealed class MonitorTagSet : ISerdeStruct<MonitorTagSet>
{
    public Dictionary<string, string> TagSet = [];

    public static string WireName => "TagSet";

    public static void Visit<TVisitor>(ref TVisitor v, ref MonitorTagSet x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("tag_set", ref x.TagSet, default(SortedMapOf<string, Text, string, Text>));
        v.EndTable(table);
    }
}
