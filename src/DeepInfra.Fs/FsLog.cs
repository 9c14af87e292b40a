// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs;

/// <summary>Events of the client and of the RPC layer, ids 6001 to 6099.</summary>
internal static partial class FsLog
{
    /// <summary>Category of the client's logger.</summary>
    public const string Category = "DeepInfra.Fs";

    [LoggerMessage(6001, LogLevel.Debug, "Connected to {EndPoint}")]
    public static partial void Connected(ILogger logger, IPEndPoint endPoint);

    [LoggerMessage(6002, LogLevel.Warning, "{Reason}")]
    public static partial void ConnectFailed(ILogger logger, string reason);

    [LoggerMessage(6003, LogLevel.Debug, "Connection with {EndPoint} ended: {Reason}")]
    public static partial void ConnectionEnded(ILogger logger, EndPoint? endPoint, Status reason);

    [LoggerMessage(
        6004,
        LogLevel.Warning,
        "Connection with {EndPoint} cut because of what arrived on it: {Reason}"
    )]
    public static partial void ConnectionCut(ILogger logger, EndPoint? endPoint, Status reason);

    [LoggerMessage(
        6005,
        LogLevel.Warning,
        "{Operation} failed and is tried again in {Milliseconds} ms: {Reason}"
    )]
    public static partial void Retry(
        ILogger logger,
        string operation,
        double milliseconds,
        Status reason
    );

    [LoggerMessage(
        6006,
        LogLevel.Debug,
        "{Operation} is tried again in {Milliseconds} ms: {Reason}"
    )]
    public static partial void ShortRetry(
        ILogger logger,
        string operation,
        double milliseconds,
        Status reason
    );

    [LoggerMessage(6007, LogLevel.Error, "{Operation} was given up: {Reason}")]
    public static partial void GaveUp(ILogger logger, string operation, Status reason);

    [LoggerMessage(
        6008,
        LogLevel.Information,
        "Routing information changed from version {Old} to {New}: {Nodes} nodes, {Chains} chains"
    )]
    public static partial void RoutingChanged(
        ILogger logger,
        ulong old,
        ulong @new,
        int nodes,
        int chains
    );

    [LoggerMessage(6009, LogLevel.Warning, "Target {Target} of chain {Chain} is {State}")]
    public static partial void TargetDown(
        ILogger logger,
        ulong target,
        uint chain,
        PublicTargetState state
    );

    [LoggerMessage(6010, LogLevel.Information, "Target {Target} of chain {Chain} serves again")]
    public static partial void TargetServes(ILogger logger, ulong target, uint chain);

    [LoggerMessage(6011, LogLevel.Error, "Damaged data: {Reason}")]
    public static partial void Corruption(ILogger logger, Status reason);

    [LoggerMessage(
        6012,
        LogLevel.Warning,
        "Metadata server {Node} failed and is avoided: {Reason}"
    )]
    public static partial void MetaServerFailed(ILogger logger, uint node, Status reason);

    [LoggerMessage(6013, LogLevel.Information, "Metadata server {Node} answers again")]
    public static partial void MetaServerBack(ILogger logger, uint node);

    [LoggerMessage(6014, LogLevel.Warning, "Session of the client cannot be renewed: {Reason}")]
    public static partial void SessionNotRenewed(ILogger logger, Status reason);

    [LoggerMessage(6015, LogLevel.Warning, "Routing information cannot be renewed: {Reason}")]
    public static partial void RoutingNotRenewed(ILogger logger, string reason);

    [LoggerMessage(6016, LogLevel.Warning, "Length of '{Path}' cannot be reported: {Reason}")]
    public static partial void LengthNotReported(ILogger logger, string path, string reason);

    [LoggerMessage(
        6017,
        LogLevel.Warning,
        "Closing inode {Inode} failed and goes on in the background: {Reason}"
    )]
    public static partial void CloseGoesOn(ILogger logger, ulong inode, Status reason);

    [LoggerMessage(6018, LogLevel.Error, "Work in the background failed: {What}")]
    public static partial void BackgroundFailed(ILogger logger, Exception exception, string what);

    [LoggerMessage(6020, LogLevel.Error, "{Method} from {EndPoint} failed")]
    public static partial void RequestFailed(
        ILogger logger,
        Exception exception,
        string method,
        EndPoint? endPoint
    );

    [LoggerMessage(
        6021,
        LogLevel.Warning,
        "Listener {EndPoint} cannot accept a connection: {Reason}"
    )]
    public static partial void AcceptFailed(ILogger logger, EndPoint endPoint, string reason);
}
