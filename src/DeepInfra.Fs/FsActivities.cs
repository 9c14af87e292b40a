// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

/// <summary>
/// Traces of the package: activity source <c>DeepInfra.Fs</c>, one activity for each request to a server. Nothing is
/// allocated while nobody listens.
/// </summary>
internal static class FsActivities
{
    public const string SourceName = "DeepInfra.Fs";

    private static readonly ActivitySource s_source = new(SourceName);

    public static bool HasListeners => s_source.HasListeners();

    /// <summary>Begins the activity of a call; null when it is not sampled.</summary>
    public static Activity? StartCall<TReq>(NodeAddress address)
    {
        var activity = s_source.StartActivity(CallName<TReq>.Value, ActivityKind.Client);
        if (activity is { IsAllDataRequested: true })
        {
            var endPoint = address.ToEndPoint();
            activity.SetTag("server.address", endPoint.Address.ToString());
            activity.SetTag("server.port", endPoint.Port);
        }

        return activity;
    }

    /// <summary>Adds the outcome of the call.</summary>
    public static void SetOutcome(this Activity activity, Status status)
    {
        if (!status.IsOk)
        {
            activity.SetTag("deepinfra.fs.status", (int)status.Code);
            activity.SetStatus(ActivityStatusCode.Error, status.ToString());
        }
    }

    private static class CallName<TReq>
    {
        // BatchReadReq travels as the call 3fs/BatchRead.
        public static readonly string Value = "3fs/" + OperationName<TReq>.Value;
    }
}

/// <summary>Name of a request for people: the name of its structure without the ending.</summary>
internal static class OperationName<TReq>
{
    public static readonly string Value = typeof(TReq).Name.EndsWith(
        "Req",
        StringComparison.Ordinal
    )
        ? typeof(TReq).Name[..^3]
        : typeof(TReq).Name;
}
