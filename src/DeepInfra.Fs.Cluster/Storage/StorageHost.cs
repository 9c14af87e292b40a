// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// A storage node that can be stopped and started again, as its own process could: stopping closes the
/// sockets and files, starting recovers from disk and listens on the same port if it is still free.
/// </summary>
internal sealed class StorageHost(
    uint nodeId,
    ThreeFsClusterOptions options,
    string directory,
    Func<RoutingInfo> routing,
    RpcOptions rpcOptions,
    ILogger log
)
{
    private IPEndPoint? _endPoint;
    private RpcListener? _listener;
    private ulong _heartbeatVersion;

    /// <summary>Node id.</summary>
    public uint NodeId { get; } = nodeId;

    /// <summary>The running node, or null.</summary>
    public StorageNode? Node { get; private set; }

    /// <summary>The service of the running node, or null.</summary>
    public StorageService? Service { get; private set; }

    /// <summary>Where the node listens, or listened last.</summary>
    public IPEndPoint? EndPoint => _endPoint;

    /// <summary>Whether the node runs.</summary>
    public bool IsRunning => Node is not null;

    /// <summary>Opens the files and starts to listen.</summary>
    /// <param name="last">Where the node listened in an earlier life of the cluster, if that is known.</param>
    /// <exception cref="ClusterStorageException">The files cannot be opened.</exception>
    public void Start(IPEndPoint? last = null)
    {
        _endPoint ??= last;
        if (Node is not null)
        {
            return;
        }
        var node = new StorageNode(
            NodeId,
            directory,
            options.Durability,
            options.NodeCapacityBytes,
            options.ReservedDiskBytes,
            routing,
            log,
            options.Faults
        );
        try
        {
            var service = new StorageService(node);
            _listener = Listen(
                new RpcServiceTable(service.CreateService(), CoreService.CreateService())
            );
            _endPoint = _listener.EndPoint;
            Service = service;
            Node = node;
            ClusterLog.NodeRecovered(
                log,
                NodeId,
                node.Targets.Count,
                node.Space.UsedBytes,
                directory
            );
        }
        catch
        {
            node.Dispose();
            throw;
        }
    }

    /// <summary>Closes the sockets, then the files.</summary>
    /// <param name="graceful">Whether requests in processing may finish first.</param>
    public async Task StopAsync(bool graceful)
    {
        var node = Node;
        if (node is null)
        {
            return;
        }
        Node = null;
        Service = null;
        if (graceful)
        {
            await _listener!.StopAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        }
        else
        {
            await _listener!.DisposeAsync().ConfigureAwait(false);
        }
        await DrainAsync(_listener).ConfigureAwait(false);
        _listener = null;
        node.Dispose();
        ClusterLog.NodeStopped(log, NodeId);
    }

    /// <summary>The report for the manager, or null when the node does not run or stands still.</summary>
    public HeartbeatReq? Heartbeat(string clusterId)
    {
        if (
            Node is not { } node
            || _endPoint is not { } endPoint
            || options.Faults.IsFrozen(NodeId)
        )
        {
            return null;
        }
        return new HeartbeatReq
        {
            ClusterId = clusterId,
            Timestamp = options.Faults.ClockOf(NodeId).Now(),
            Info = new HeartbeatInfo
            {
                Info = node.Report(),
                App = NodeIdentity.App(
                    NodeId,
                    endPoint,
                    ServiceName.Storage,
                    options.PublishAsRdma
                ),
                HbVersion = Interlocked.Increment(ref _heartbeatVersion),
            },
        };
    }

    // Handlers of cut connections still run; the files must stay open until the last one is done.
    private static async Task DrainAsync(RpcListener listener)
    {
        var deadline = Environment.TickCount64 + 10_000;
        while (listener.RequestsInProcessing > 0 && Environment.TickCount64 < deadline)
        {
            await Task.Delay(5).ConfigureAwait(false);
        }
    }

    private RpcListener Listen(RpcServiceTable services)
    {
        if (_endPoint is not null)
        {
            try
            {
                return new RpcListener(_endPoint, services, rpcOptions);
            }
            catch (ThreeFsException)
            {
                // Somebody took the port meanwhile; the heartbeat will publish the new one.
            }
        }
        return new RpcListener(new IPEndPoint(options.Address, 0), services, rpcOptions);
    }
}
