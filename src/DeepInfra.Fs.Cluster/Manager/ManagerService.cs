// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepInfra.Fs.Cluster.Manager;

/// <summary>
/// The manager: which nodes, targets and chains exist and how they are, who the clients are, and the
/// configuration texts. Everything but heartbeat times and client sessions is durable.
/// </summary>
internal sealed partial class ManagerService : IDisposable
{
    private static readonly TimeSpan s_clockTolerance = TimeSpan.FromSeconds(30);

    private readonly string _clusterId;
    private readonly TimeSpan _failAfter;
    private readonly KeyValueStore _store;
    private readonly ILogger _log;
    private readonly NodeClock _clock;
    private readonly SessionRegistry _sessions;
    private readonly ConcurrentDictionary<uint, (long Time, ulong Version)> _heartbeats = new();

    public ManagerService(
        string clusterId,
        uint nodeId,
        TimeSpan failAfter,
        KeyValueStore store,
        ILogger? log = null,
        NodeClock? clock = null
    )
    {
        _clock = clock ?? new NodeClock();
        _sessions = new SessionRegistry(_clock);
        _clusterId = clusterId;
        NodeId = nodeId;
        _failAfter = failAfter;
        _store = store;
        _log = log ?? NullLogger.Instance;
        Routing = new RoutingStore(store, _log);
    }

    /// <summary>Node id of this manager.</summary>
    public uint NodeId { get; }

    /// <summary>The routing information.</summary>
    public RoutingStore Routing { get; }

    /// <summary>The sessions of clients.</summary>
    public SessionRegistry Sessions => _sessions;

    /// <summary>The service for a listener.</summary>
    public RpcService CreateService() =>
        MapChains(MapNodes(MapSettings(new RpcService(ServiceId.Mgmtd, ServiceName.Mgmtd))));

    /// <summary>
    /// Start of the cluster: whatever state was stored, no node runs yet, so each target is down until its
    /// node reports. This node becomes the primary.
    /// </summary>
    public async Task StartAsync(NodeInfo self)
    {
        await Routing
            .ChangeAsync(draft =>
            {
                foreach (var node in draft.Info.Nodes.Values.ToArray())
                {
                    draft.SetNode(WithStatus(node, NodeStatus.HeartbeatConnecting));
                }
                foreach (var target in draft.Info.Targets.Values.ToArray())
                {
                    draft.SetTarget(target with { LocalState = LocalTargetState.Offline });
                }
                self.Status = NodeStatus.PrimaryMgmtd;
                draft.SetNode(self);
                AdvanceChains(draft);
                return true;
            })
            .ConfigureAwait(false);
        await ExtendLeaseAsync(self).ConfigureAwait(false);
    }

    /// <summary>Looks for silent nodes and moves their chains; called at the check interval.</summary>
    public async Task CheckAsync()
    {
        _sessions.Expire();
        var limit = _clock.Monotonic() - (long)_failAfter.TotalMicroseconds;
        var silent = Routing
            .Current.Nodes.Values.Where(n => n.Status == NodeStatus.HeartbeatConnected)
            .Select(n => n.App.NodeId)
            .Where(id => !_heartbeats.TryGetValue(id, out var last) || last.Time < limit)
            .ToArray();
        if (silent.Length > 0)
        {
            await MarkFailedAsync(silent).ConfigureAwait(false);
        }
    }

    /// <summary>Declares nodes failed, as if their heartbeats had been missing.</summary>
    public async Task MarkFailedAsync(params uint[] nodes)
    {
        await Routing
            .ChangeAsync(draft =>
            {
                foreach (var id in nodes)
                {
                    if (draft.Info.Nodes.TryGetValue(id, out var node))
                    {
                        draft.SetNode(WithStatus(node, NodeStatus.HeartbeatFailed));
                    }
                    foreach (var target in TargetsOf(draft, id))
                    {
                        draft.SetTarget(target with { LocalState = LocalTargetState.Offline });
                    }
                }
                AdvanceChains(draft);
                return true;
            })
            .ConfigureAwait(false);
        foreach (var id in nodes)
        {
            _heartbeats.TryRemove(id, out _);
            ClusterLog.NodeFailed(_log, id);
        }
    }

    /// <summary>A node reports that it lives and how its targets are.</summary>
    /// <exception cref="ServiceException">The report is refused.</exception>
    public async ValueTask<HeartbeatRsp> HeartbeatAsync(HeartbeatReq request, CancellationToken ct)
    {
        CheckCluster(request.ClusterId);
        var info = request.Info;
        var id = info.App.NodeId;
        var now = _clock.Now();
        if (Math.Abs(request.Timestamp - now) > (long)s_clockTolerance.TotalMicroseconds)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"clock of node {id} is off by {(now - request.Timestamp) / 1000} ms"
            );
        }
        if (id == 0 || id == NodeId)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"Node id {id} is 0 or the manager's own"
            );
        }
        if (_heartbeats.TryGetValue(id, out var last) && info.HbVersion <= last.Version)
        {
            throw new ServiceException(StatusCode.MgmtdHeartbeatVersionStale, $"{last.Version}");
        }
        var type = TypeOf(info.Info);
        if (Routing.Current.Nodes.TryGetValue(id, out var known) && known.Type != type)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"node {id} is a {known.Type}, not a {type}"
            );
        }
        await Routing
            .ChangeAsync(draft => Report(draft, info, type, now), ct)
            .ConfigureAwait(false);
        if (known is { Status: not NodeStatus.HeartbeatConnected })
        {
            ClusterLog.NodeConnected(_log, id);
        }
        _heartbeats[id] = (_clock.Monotonic(), info.HbVersion);
        return new HeartbeatRsp { Config = NewerConfig(type, info.ConfigVersion) };
    }

    /// <inheritdoc/>
    public void Dispose() => Routing.Dispose();

    /// <summary>Moves every chain to its next state.</summary>
    internal static void AdvanceChains(RoutingDraft draft)
    {
        foreach (var chain in draft.Info.Chains.Values.ToArray())
        {
            var next = ChainStateMachine.Advance(chain.Targets, LocalState);
            if (!next.SequenceEqual(chain.Targets, TargetComparer.Instance))
            {
                draft.SetChain(
                    new ChainInfo
                    {
                        ChainId = chain.ChainId,
                        ChainVersion = chain.ChainVersion + 1,
                        Targets = next,
                        PreferredTargetOrder = chain.PreferredTargetOrder,
                    }
                );
            }
        }

        // A new chain serves by decree until the nodes of its targets have reported for the first time.
        LocalTargetState LocalState(ulong id) =>
            !draft.Info.Targets.TryGetValue(id, out var target) ? LocalTargetState.Offline
            : target is { NodeId: null, PublicState: PublicTargetState.Serving }
                ? LocalTargetState.UpToDate
            : target.LocalState;
    }

    private static bool Report(RoutingDraft draft, HeartbeatInfo info, NodeType type, long now)
    {
        var id = info.App.NodeId;
        draft.Info.Nodes.TryGetValue(id, out var known);
        if (known?.Status == NodeStatus.Disabled)
        {
            return false;
        }
        if (
            known is not { Status: NodeStatus.HeartbeatConnected }
            || !Serde.ToArray(known.App).AsSpan().SequenceEqual(Serde.ToArray(info.App))
        )
        {
            draft.SetNode(
                new NodeInfo
                {
                    App = info.App,
                    Type = type,
                    Status = NodeStatus.HeartbeatConnected,
                    LastHeartbeatTs = now,
                    Tags = known?.Tags ?? [],
                    ConfigVersion = info.ConfigVersion,
                    ConfigStatus = info.ConfigStatus,
                }
            );
        }
        if (info.Info is StorageHeartbeatInfo storage)
        {
            var seen = new HashSet<ulong>();
            foreach (var report in storage.Targets)
            {
                if (!seen.Add(report.TargetId))
                {
                    throw new ServiceException(
                        StatusCode.MgmtdHeartbeatFail,
                        $"Duplicated target id in HeartbeatInfo: {report.TargetId}"
                    );
                }
                ReportTarget(draft, id, report);
            }
        }
        if (draft.IsChanged)
        {
            AdvanceChains(draft);
        }
        return true;
    }

    private static void ReportTarget(RoutingDraft draft, uint node, LocalTargetInfo report)
    {
        if (report.LocalState == LocalTargetState.Invalid)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"target {report.TargetId} has no valid state"
            );
        }
        var target = draft.Info.Targets.TryGetValue(report.TargetId, out var known)
            ? known
            : new TargetInfo { TargetId = report.TargetId };
        if (
            target.LocalState == report.LocalState
            && target.NodeId == node
            && target.DiskIndex == report.DiskIndex
        )
        {
            if (target.UsedSize != report.UsedSize)
            {
                draft.RefreshTarget(target with { UsedSize = report.UsedSize });
            }
            return;
        }
        draft.SetTarget(
            target with
            {
                LocalState = report.LocalState,
                NodeId = node,
                DiskIndex = report.DiskIndex,
                UsedSize = report.UsedSize,
            }
        );
    }

    private static NodeType TypeOf(IHeartbeatBody body) =>
        body switch
        {
            StorageHeartbeatInfo => NodeType.Storage,
            MgmtdHeartbeatInfo => NodeType.Mgmtd,
            _ => NodeType.Meta,
        };

    private static TargetInfo[] TargetsOf(RoutingDraft draft, uint node) =>
        [.. draft.Info.Targets.Values.Where(t => t.NodeId == node)];

    private static NodeInfo WithStatus(NodeInfo node, NodeStatus status) =>
        new()
        {
            App = node.App,
            Type = node.Type,
            Status = node.Status == NodeStatus.Disabled ? node.Status : status,
            LastHeartbeatTs = node.LastHeartbeatTs,
            Tags = node.Tags,
            ConfigVersion = node.ConfigVersion,
            ConfigStatus = node.ConfigStatus,
        };

    private void CheckCluster(string clusterId)
    {
        if (clusterId != _clusterId)
        {
            throw new ServiceException(StatusCode.MgmtdClusterIdMismatch, "Cluster id mismatch");
        }
    }

    private sealed class TargetComparer : IEqualityComparer<ChainTargetInfo>
    {
        public static TargetComparer Instance { get; } = new();

        public bool Equals(ChainTargetInfo x, ChainTargetInfo y) =>
            x.TargetId == y.TargetId && x.PublicState == y.PublicState;

        public int GetHashCode(ChainTargetInfo obj) =>
            HashCode.Combine(obj.TargetId, obj.PublicState);
    }
}
