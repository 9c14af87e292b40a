// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

/// <summary>
/// A change to the routing information that is being put together. It starts as a copy of the published
/// one; entries are replaced, never edited, because readers hold the old ones.
/// </summary>
internal sealed class RoutingDraft
{
    private readonly HashSet<uint> _nodes = [];
    private readonly HashSet<uint> _chains = [];
    private readonly HashSet<ulong> _targets = [];
    private readonly List<ChainTable> _tables = [];
    private readonly List<uint> _removedNodes = [];

    public RoutingDraft(RoutingInfo current)
    {
        Info = new RoutingInfo
        {
            RoutingInfoVersion = current.RoutingInfoVersion,
            Bootstrapping = current.Bootstrapping,
            Nodes = new(current.Nodes),
            ChainTables = current.ChainTables.ToDictionary(t => t.Key, t => Sorted(t.Value)),
            Chains = new(current.Chains),
            Targets = new(current.Targets),
        };
    }

    /// <summary>The state with the changes so far.</summary>
    public RoutingInfo Info { get; }

    /// <summary>Whether anything was changed that clients must learn.</summary>
    public bool IsChanged =>
        _nodes.Count + _chains.Count + _targets.Count + _tables.Count + _removedNodes.Count > 0;

    /// <summary>Whether anything was noted that is news only to those who ask anew.</summary>
    public bool IsRefreshed { get; private set; }

    /// <summary>Nodes changed or added.</summary>
    public IEnumerable<NodeInfo> ChangedNodes => _nodes.Select(id => Info.Nodes[id]);

    /// <summary>Nodes removed.</summary>
    public IEnumerable<uint> RemovedNodes => _removedNodes;

    /// <summary>Chains changed or added.</summary>
    public IEnumerable<ChainInfo> ChangedChains => _chains.Select(id => Info.Chains[id]);

    /// <summary>Targets changed or added.</summary>
    public IEnumerable<TargetInfo> ChangedTargets => _targets.Select(id => Info.Targets[id]);

    /// <summary>Chain tables added.</summary>
    public IEnumerable<ChainTable> NewTables => _tables;

    /// <summary>Adds or replaces a node.</summary>
    public void SetNode(NodeInfo node)
    {
        Info.Nodes[node.App.NodeId] = node;
        _nodes.Add(node.App.NodeId);
    }

    /// <summary>Removes a node.</summary>
    public void RemoveNode(uint id)
    {
        Info.Nodes.Remove(id);
        _nodes.Remove(id);
        _removedNodes.Add(id);
    }

    /// <summary>Adds or replaces a target.</summary>
    public void SetTarget(TargetInfo target)
    {
        Info.Targets[target.TargetId] = target;
        _targets.Add(target.TargetId);
    }

    /// <summary>Notes figures of a target that change all the time: no new version, and nothing to keep.</summary>
    public void RefreshTarget(TargetInfo target)
    {
        Info.Targets[target.TargetId] = target;
        IsRefreshed = true;
    }

    /// <summary>Adds or replaces a chain and gives its targets the public states it names.</summary>
    public void SetChain(ChainInfo chain)
    {
        Info.Chains[chain.ChainId] = chain;
        _chains.Add(chain.ChainId);
        foreach (var member in chain.Targets)
        {
            var target = Info.Targets.TryGetValue(member.TargetId, out var known)
                ? known
                : new TargetInfo
                {
                    TargetId = member.TargetId,
                    LocalState = LocalTargetState.Offline,
                };
            if (target.PublicState != member.PublicState || target.ChainId != chain.ChainId)
            {
                target.PublicState = member.PublicState;
                target.ChainId = chain.ChainId;
                SetTarget(target);
            }
        }
    }

    /// <summary>Adds a version of a chain table.</summary>
    public void AddTable(ChainTable table)
    {
        if (!Info.ChainTables.TryGetValue(table.ChainTableId, out var versions))
        {
            Info.ChainTables[table.ChainTableId] = versions = [];
        }
        versions[table.ChainTableVersion] = table;
        Info.ChainTables[table.ChainTableId] = Sorted(versions);
        _tables.Add(table);
    }

    // The versions of one table travel in ascending order.
    private static Dictionary<uint, ChainTable> Sorted(Dictionary<uint, ChainTable> versions) =>
        versions.OrderBy(v => v.Key).ToDictionary();
}
