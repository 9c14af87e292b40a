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
    private readonly ConcurrentDictionary<uint, long> _newborn = new();

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
    /// node reports; a chain that was made in an earlier life has no time of grace left. This node becomes
    /// the primary.
    /// </summary>
    /// <param name="self">This node.</param>
    /// <param name="own">
    /// The nodes that this cluster runs itself. Whoever registered one of their ids as something else loses it, or
    /// the cluster could not start any more.
    /// </param>
    public async Task StartAsync(NodeInfo self, params (uint Id, NodeType Type)[] own)
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
                foreach (var (id, type) in own)
                {
                    if (draft.Info.Nodes.TryGetValue(id, out var node) && node.Type != type)
                    {
                        draft.RemoveNode(id);
                    }
                }
                self.Status = NodeStatus.PrimaryMgmtd;
                draft.SetNode(self);
                AdvanceChains(draft);
                return true;
            })
            .ConfigureAwait(false);
        await ExtendLeaseAsync(self).ConfigureAwait(false);
    }

    /// <summary>
    /// Looks for silent nodes and for new chains whose nodes had time enough to report, and moves the chains;
    /// called at the check interval.
    /// </summary>
    public async Task CheckAsync()
    {
        _sessions.Expire();
        if (Routing.Current.Nodes.Values.Any(IsSilent))
        {
            var failed = await Routing
                .ChangeAsync(draft =>
                {
                    // Looked at again: one may have reported meanwhile.
                    uint[] silent =
                    [
                        .. draft.Info.Nodes.Values.Where(IsSilent).Select(n => n.App.NodeId),
                    ];
                    Fail(draft, silent);
                    return silent;
                })
                .ConfigureAwait(false);
            Tell(failed);
        }
        var grown = _newborn.Where(c => IsOver(c.Value)).ToArray();
        if (grown.Length > 0)
        {
            await Routing
                .ChangeAsync(draft =>
                {
                    AdvanceChains(draft);
                    return true;
                })
                .ConfigureAwait(false);
            Array.ForEach(grown, c => _newborn.TryRemove(c));
        }
    }

    /// <summary>Declares nodes failed, as if their heartbeats had been missing.</summary>
    public async Task MarkFailedAsync(params uint[] nodes)
    {
        await Routing
            .ChangeAsync(draft =>
            {
                Fail(draft, nodes);
                return true;
            })
            .ConfigureAwait(false);
        Tell(nodes);
    }

    /// <inheritdoc/>
    public void Dispose() => Routing.Dispose();

    /// <summary>Moves every chain to its next state.</summary>
    private void AdvanceChains(RoutingDraft draft)
    {
        foreach (var chain in draft.Info.Chains.Values.ToArray())
        {
            if (IsNewborn(draft, chain))
            {
                continue;
            }
            var next = ChainStateMachine.Advance(chain.Targets, LocalState);
            if (!next.SequenceEqual(chain.Targets, TargetComparer.Instance))
            {
                draft.SetChain(Next(chain, next));
            }
        }

        LocalTargetState LocalState(ulong id) =>
            draft.Info.Targets.TryGetValue(id, out var target)
                ? target.LocalState
                : LocalTargetState.Offline;
    }

    /// <summary>
    /// Whether a chain still serves by decree: it was made a short time ago and not all its targets have been
    /// heard of. Without this grace the first report of one node would cost the others their place.
    /// </summary>
    private bool IsNewborn(RoutingDraft draft, ChainInfo chain) =>
        _newborn.TryGetValue(chain.ChainId, out var born)
        && !IsOver(born)
        && chain.Targets.Exists(t => draft.Info.Targets[t.TargetId].NodeId is null);

    private bool IsSilent(NodeInfo node) =>
        node.Status == NodeStatus.HeartbeatConnected
        && (!_heartbeats.TryGetValue(node.App.NodeId, out var last) || IsOver(last.Time));

    // Nodes get as long to report for the first time as they may be silent later.
    private bool IsOver(long since) =>
        since < _clock.Monotonic() - (long)_failAfter.TotalMicroseconds;

    private void Fail(RoutingDraft draft, uint[] nodes)
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
            _heartbeats.TryRemove(id, out _);
        }
        AdvanceChains(draft);
    }

    private void Tell(uint[] failed) =>
        Array.ForEach(failed, id => ClusterLog.NodeFailed(_log, id));

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
