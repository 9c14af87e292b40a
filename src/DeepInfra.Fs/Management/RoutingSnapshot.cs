// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Management;

/// <summary>One version of the routing information with look-ups. Immutable and thread-safe.</summary>
internal sealed class RoutingSnapshot
{
    private const string ZoneTag = "TrafficZone";

    private readonly Dictionary<uint, ChainTable> _newestTables = [];
    private readonly ConcurrentDictionary<uint, ServingChain?> _serving = new();

    public RoutingSnapshot(RoutingInfo info)
    {
        Info = info;
        foreach (var (id, versions) in info.ChainTables)
        {
            if (versions.Count > 0)
            {
                _newestTables[id] = versions.MaxBy(v => v.Key).Value;
            }
        }
    }

    public static RoutingSnapshot Empty { get; } = new(new RoutingInfo());

    public RoutingInfo Info { get; }

    public ulong Version => Info.RoutingInfoVersion;

    public IReadOnlyDictionary<uint, NodeInfo> Nodes => Info.Nodes;

    /// <summary>The chain in a slot of a chain table; null when there is no such table or slot.</summary>
    /// <param name="tableId">Table; 0 with version 0 means that the slot is the chain id itself.</param>
    /// <param name="tableVersion">Version; 0 means the newest.</param>
    /// <param name="slot">One-based slot; counts on from the start beyond the table's end.</param>
    public uint? FindChain(uint tableId, uint tableVersion, uint slot)
    {
        if (slot == 0)
        {
            return null;
        }

        if (tableId == 0)
        {
            return tableVersion == 0 ? slot : null;
        }

        var table = FindTable(tableId, tableVersion);
        return table is { Chains.Count: > 0 }
            ? table.Chains[(int)((slot - 1) % (uint)table.Chains.Count)]
            : null;
    }

    /// <summary>A chain table; version 0 means the newest.</summary>
    public ChainTable? FindTable(uint tableId, uint tableVersion)
    {
        if (tableVersion == 0)
        {
            return _newestTables.GetValueOrDefault(tableId);
        }

        return Info.ChainTables.TryGetValue(tableId, out var versions)
            ? versions.GetValueOrDefault(tableVersion)
            : null;
    }

    public ChainInfo? FindChain(uint chainId) => Info.Chains.GetValueOrDefault(chainId);

    public TargetInfo? FindTarget(ulong targetId) =>
        Info.Targets.TryGetValue(targetId, out var target) ? target : null;

    public NodeInfo? FindNode(uint nodeId) => Info.Nodes.GetValueOrDefault(nodeId);

    /// <summary>
    /// A chain with the replicas that serve: the leading run of serving targets whose nodes are known. Null when the
    /// chain is unknown; without targets when none serves.
    /// </summary>
    public ServingChain? FindServing(uint chainId) =>
        _serving.GetOrAdd(chainId, static (id, self) => self.ResolveServing(id), this);

    /// <summary>Nodes of a kind that take requests.</summary>
    public IEnumerable<NodeInfo> ActiveNodes(NodeType type) =>
        Info.Nodes.Values.Where(n =>
            n.Type == type && n.Status is NodeStatus.HeartbeatConnected or NodeStatus.PrimaryMgmtd
        );

    /// <summary>
    /// Where a node offers a service: the first endpoint of the group that lists it. A group configured for another
    /// transport accepts TCP on the same port, so the type is rewritten.
    /// </summary>
    public static NodeAddress? AddressOf(IEnumerable<ServiceGroupInfo> groups, string service)
    {
        foreach (var group in groups)
        {
            if (group.Services.Contains(service) && group.Endpoints.Count > 0)
            {
                return group.Endpoints[0].AsTcp();
            }
        }

        return null;
    }

    private ServingChain? ResolveServing(uint chainId)
    {
        if (FindChain(chainId) is not { } chain)
        {
            return null;
        }

        var targets = new List<ServingTarget>();
        foreach (var entry in chain.Targets)
        {
            if (entry.PublicState != PublicTargetState.Serving)
            {
                break;
            }

            if (
                FindTarget(entry.TargetId)
                    is { PublicState: PublicTargetState.Serving, NodeId: { } nodeId }
                && FindNode(nodeId) is { Type: NodeType.Storage } node
                && AddressOf(node.App.ServiceGroups, ServiceName.Storage) is { } address
            )
            {
                var zone = node.Tags.Find(t => t.Key == ZoneTag).Value ?? "";
                targets.Add(new ServingTarget(entry.TargetId, nodeId, address, zone));
            }
        }

        return new ServingChain(chainId, chain.ChainVersion, [.. targets]);
    }
}

/// <summary>A chain with its serving replicas, head first.</summary>
internal sealed record ServingChain(uint ChainId, uint ChainVersion, ServingTarget[] Targets);

/// <summary>One serving replica of a chain.</summary>
internal readonly record struct ServingTarget(
    ulong TargetId,
    uint NodeId,
    NodeAddress Address,
    string Zone
);
