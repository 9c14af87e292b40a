// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class JobInfo : ISerdeStruct<JobInfo>
{
    public Guid Id;
    public string Path = "";
    public long Mtime;
    public JobStatus Status;
    public long StartTime;
    public long FinishTime;
    public ulong NumFilesFound;
    public ulong NumFilesCopied;
    public ulong NumSrcFilesRemoved;
    public ulong BytesOfFilesFound;
    public ulong BytesOfFilesCopied;

    public static string WireName => "JobInfo";

    public static void Visit<TVisitor>(ref TVisitor v, ref JobInfo x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("id", ref x.Id, default(Uuid));
        v.String("path", ref x.Path);
        v.Number("mtime", ref x.Mtime);
        v.Enum("status", ref x.Status);
        v.Number("startTime", ref x.StartTime);
        v.Number("finishTime", ref x.FinishTime);
        v.Number("numFilesFound", ref x.NumFilesFound);
        v.Number("numFilesCopied", ref x.NumFilesCopied);
        v.Number("numSrcFilesRemoved", ref x.NumSrcFilesRemoved);
        v.Number("bytesOfFilesFound", ref x.BytesOfFilesFound);
        v.Number("bytesOfFilesCopied", ref x.BytesOfFilesCopied);
        v.EndTable(table);
    }
}

internal sealed class ListJobsReq : ISerdeStruct<ListJobsReq>
{
    public string Path = "";
    public List<Guid> Ids = [];
    public JobStatus Status = JobStatus.Running;
    public long After;
    public uint Limit = 10;

    public static string WireName => "ListJobsReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref ListJobsReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.String("path", ref x.Path);
        v.Field("ids", ref x.Ids, default(ListOf<Guid, Uuid>));
        v.Enum("status", ref x.Status);
        v.Number("after", ref x.After);
        v.Number("limit", ref x.Limit);
        v.EndTable(table);
    }
}

internal sealed class ListJobsRsp : ISerdeStruct<ListJobsRsp>
{
    public List<JobInfo> Jobs = [];

    public static string WireName => "ListJobsRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref ListJobsRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("jobs", ref x.Jobs, default(ListOf<JobInfo, StructOf<JobInfo>>));
        v.EndTable(table);
    }
}

internal sealed class StartJobReq : ISerdeStruct<StartJobReq>
{
    public Guid Id;
    public string Path = "";
    public long Mtime;

    public static string WireName => "StartJobReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref StartJobReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("id", ref x.Id, default(Uuid));
        v.String("path", ref x.Path);
        v.Number("mtime", ref x.Mtime);
        v.EndTable(table);
    }
}

internal sealed class StartJobRsp : ISerdeStruct<StartJobRsp>
{
    public JobStatus Status;

    public static string WireName => "StartJobRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref StartJobRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Enum("status", ref x.Status);
        v.EndTable(table);
    }
}

internal sealed class StopJobReq : ISerdeStruct<StopJobReq>
{
    public Guid Id;

    public static string WireName => "StopJobReq";

    public static void Visit<TVisitor>(ref TVisitor v, ref StopJobReq x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Field("id", ref x.Id, default(Uuid));
        v.EndTable(table);
    }
}

internal sealed class StopJobRsp : ISerdeStruct<StopJobRsp>
{
    public JobStatus Status;

    public static string WireName => "StopJobRsp";

    public static void Visit<TVisitor>(ref TVisitor v, ref StopJobRsp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Enum("status", ref x.Status);
        v.EndTable(table);
    }
}
