// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Cluster;

/// <summary>Events of the embedded cluster, ids 6101 to 6199.</summary>
internal static partial class ClusterLog
{
    /// <summary>Category of the cluster's logger.</summary>
    public const string Category = "DeepInfra.Fs.Cluster";

    [LoggerMessage(
        6101,
        LogLevel.Information,
        "Cluster '{ClusterId}' runs on '{Directory}', manager at {Manager}"
    )]
    public static partial void Started(
        ILogger logger,
        string clusterId,
        string directory,
        string manager
    );

    [LoggerMessage(6102, LogLevel.Information, "Cluster '{ClusterId}' stopped")]
    public static partial void Stopped(ILogger logger, string clusterId);

    [LoggerMessage(
        6103,
        LogLevel.Information,
        "Storage node {Node} recovered {Targets} targets with {Bytes} bytes in blocks from '{Directory}'"
    )]
    public static partial void NodeRecovered(
        ILogger logger,
        uint node,
        int targets,
        long bytes,
        string directory
    );

    [LoggerMessage(6104, LogLevel.Information, "Storage node {Node} stopped")]
    public static partial void NodeStopped(ILogger logger, uint node);

    [LoggerMessage(6105, LogLevel.Warning, "Node {Node} counts as failed: no report in time")]
    public static partial void NodeFailed(ILogger logger, uint node);

    [LoggerMessage(6106, LogLevel.Information, "Node {Node} reports again")]
    public static partial void NodeConnected(ILogger logger, uint node);

    [LoggerMessage(
        6107,
        LogLevel.Warning,
        "Chain {Chain} is at version {Version}: its target {Target} is {State}"
    )]
    public static partial void ChainDegraded(
        ILogger logger,
        uint chain,
        uint version,
        ulong target,
        PublicTargetState state
    );

    [LoggerMessage(
        6108,
        LogLevel.Information,
        "Chain {Chain} is at version {Version}: its target {Target} serves"
    )]
    public static partial void ChainServes(ILogger logger, uint chain, uint version, ulong target);

    [LoggerMessage(6109, LogLevel.Error, "Corruption on storage node {Node}: {Reason}")]
    public static partial void Corruption(ILogger logger, uint node, string reason);

    [LoggerMessage(6110, LogLevel.Warning, "Storage node {Node} has no space left: {Reason}")]
    public static partial void NoSpace(ILogger logger, uint node, string reason);

    [LoggerMessage(6111, LogLevel.Error, "Storage node {Node} cannot write or read: {Reason}")]
    public static partial void DiskFailed(ILogger logger, uint node, string reason);

    [LoggerMessage(6112, LogLevel.Error, "{Work} failed; the next round tries again")]
    public static partial void RoundFailed(ILogger logger, Exception exception, string work);

    [LoggerMessage(
        6113,
        LogLevel.Debug,
        "Collector finished {Count} removed files and directories"
    )]
    public static partial void Collected(ILogger logger, int count);

    [LoggerMessage(6114, LogLevel.Information, "{Count} file sessions of vanished clients ended")]
    public static partial void SessionsEnded(ILogger logger, int count);

    [LoggerMessage(6115, LogLevel.Warning, "Target {Target} was taken offline on request")]
    public static partial void TargetOffline(ILogger logger, ulong target);

    [LoggerMessage(
        6116,
        LogLevel.Information,
        "Verification read {Chunks} chunks, {Damaged} of them are damaged"
    )]
    public static partial void Verified(ILogger logger, long chunks, int damaged);
}
