// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Metadata;

/// <summary>
/// Sticks to one random metadata server until it fails. A server that failed is avoided until a probe reaches it
/// again; when all have failed, any is tried.
/// </summary>
internal sealed class MetaServerPicker : IAsyncDisposable
{
    private static readonly TimeSpan s_probeInterval = TimeSpan.FromSeconds(5);

    private readonly ClientContext _context;
    private readonly MgmtdClient _mgmtd;
    private readonly ConcurrentDictionary<uint, byte> _faulty = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _probeLock = new();
    private Task _probe = Task.CompletedTask;
    private uint _current;

    public MetaServerPicker(ClientContext context, MgmtdClient mgmtd)
    {
        _context = context;
        _mgmtd = mgmtd;
    }

    /// <summary>Servers that are avoided.</summary>
    public int FaultyCount => _faulty.Count;

    /// <summary>The server to use now; null when the routing information names none.</summary>
    public MetaServer? Pick()
    {
        var routing = _mgmtd.Routing;
        var current = Volatile.Read(ref _current);
        if (current != 0 && !_faulty.ContainsKey(current) && Find(routing, current) is { } sticky)
        {
            return sticky;
        }

        var active = routing.ActiveNodes(NodeType.Meta).Select(n => n.App.NodeId).ToList();
        var healthy = active.Where(id => !_faulty.ContainsKey(id)).ToList();
        var candidates = healthy.Count > 0 ? healthy : active;
        if (candidates.Count == 0)
        {
            return null;
        }

        var chosen = candidates[Random.Shared.Next(candidates.Count)];
        Volatile.Write(ref _current, chosen);
        return Find(routing, chosen);
    }

    /// <summary>Avoids a server until it answers a probe.</summary>
    public void ReportFault(uint nodeId, Status reason)
    {
        if (_faulty.TryAdd(nodeId, 0))
        {
            FsLog.MetaServerFailed(_context.Log, nodeId, reason);
        }

        lock (_probeLock)
        {
            if (_probe.IsCompleted && !_stopping.IsCancellationRequested)
            {
                _probe = Task.Run(ProbeLoopAsync);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        Task probe;
        lock (_probeLock)
        {
            probe = _probe;
        }

        await probe.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private static MetaServer? Find(RoutingSnapshot routing, uint nodeId)
    {
        var node = routing.FindNode(nodeId);
        if (
            node is null
            || node.Type != NodeType.Meta
            || node.Status is not (NodeStatus.HeartbeatConnected or NodeStatus.PrimaryMgmtd)
        )
        {
            return null;
        }

        return RoutingSnapshot.AddressOf(node.App.ServiceGroups, ServiceName.Meta) is { } address
            ? new MetaServer(nodeId, address)
            : null;
    }

    private async Task ProbeLoopAsync()
    {
        try
        {
            while (!_faulty.IsEmpty)
            {
                await Task.Delay(s_probeInterval, _context.Time, _stopping.Token)
                    .ConfigureAwait(false);
                foreach (var id in _faulty.Keys)
                {
                    if (
                        Find(_mgmtd.Routing, id) is not { } server
                        || await AnswersAsync(server).ConfigureAwait(false)
                    )
                    {
                        _faulty.TryRemove(id, out _);
                        FsLog.MetaServerBack(_context.Log, id);
                    }
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The client is being disposed.
        }
    }

    private async ValueTask<bool> AnswersAsync(MetaServer server)
    {
        var request = new TestRpcReq { User = _context.User, Client = _context.ClientId };
        var result = await _context
            .Rpc.CallAsync<TestRpcReq, TestRpcRsp>(
                server.Address,
                ServiceId.Meta,
                MetaMethod.TestRpc,
                request,
                _context.Options.MetadataTimeout,
                cancellationToken: _stopping.Token
            )
            .ConfigureAwait(false);
        return result.HasValue || !MetaRetry.IsServerFault(result.Status.Code);
    }
}

/// <summary>A metadata server.</summary>
internal readonly record struct MetaServer(uint NodeId, NodeAddress Address);
