// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Management;

namespace DeepInfra.Fs.Storage;

/// <summary>Chooses the replica for each range of a batch. Thread-safe; the counts of a batch belong to its caller.</summary>
internal sealed class ReadTargetPicker(ThreeFsClientOptions options)
{
    private readonly ConcurrentDictionary<uint, Counter> _nodeUse = new();
    private readonly ConcurrentDictionary<uint, Counter> _chainTurns = new();

    /// <summary>Picks a replica.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="avoided">Targets that failed; they are used only when no other is left.</param>
    /// <param name="batchUse">Ranges that each node has got in this batch so far.</param>
    /// <param name="target">The replica.</param>
    /// <returns>False when no replica serves or none is in the allowed zones.</returns>
    public bool TryPick(
        ServingChain chain,
        List<ulong>? avoided,
        Dictionary<uint, int> batchUse,
        out ServingTarget target
    )
    {
        target = default;
        var all = chain.Targets;
        if (all.Length == 1 && options.TrafficZones.Count == 0)
        {
            target = all[0];
            CountUse(target.NodeId, batchUse);
            return true;
        }

        var allowed = new List<ServingTarget>(all.Length);
        foreach (var candidate in all)
        {
            if (options.TrafficZones.Count == 0 || options.TrafficZones.Contains(candidate.Zone))
            {
                allowed.Add(candidate);
            }
        }

        if (allowed.Count == 0)
        {
            return false;
        }

        if (
            avoided is not null
            && options.ReadFrom is not (TargetSelection.Head or TargetSelection.Tail)
        )
        {
            var healthy = allowed.FindAll(t => !avoided.Contains(t.TargetId));
            allowed = healthy.Count > 0 ? healthy : allowed;
        }

        target = options.ReadFrom switch
        {
            TargetSelection.Head => allowed[0],
            TargetSelection.Tail => allowed[^1],
            TargetSelection.Random => allowed[Random.Shared.Next(allowed.Count)],
            TargetSelection.RoundRobin => allowed[NextTurn(chain.ChainId, allowed.Count)],
            _ => LeastUsed(allowed, batchUse),
        };
        CountUse(target.NodeId, batchUse);
        return true;
    }

    private int NextTurn(uint chainId, int count) =>
        (int)((ulong)_chainTurns.GetOrAdd(chainId, _ => new Counter()).Next() % (ulong)count);

    private void CountUse(uint nodeId, Dictionary<uint, int> batchUse)
    {
        batchUse[nodeId] = batchUse.GetValueOrDefault(nodeId) + 1;
        _nodeUse.GetOrAdd(nodeId, _ => new Counter()).Next();
    }

    private ServingTarget LeastUsed(List<ServingTarget> allowed, Dictionary<uint, int> batchUse)
    {
        var best = allowed[0];
        var bestUse = (int.MaxValue, long.MaxValue);
        // A random start makes equal candidates equally likely.
        var start = Random.Shared.Next(allowed.Count);
        for (var i = 0; i < allowed.Count; i++)
        {
            var candidate = allowed[(start + i) % allowed.Count];
            var use = (
                batchUse.GetValueOrDefault(candidate.NodeId),
                _nodeUse.TryGetValue(candidate.NodeId, out var counter) ? counter.Value : 0
            );
            if (use.CompareTo(bestUse) < 0)
            {
                best = candidate;
                bestUse = use;
            }
        }

        return best;
    }

    private sealed class Counter
    {
        private long _value;

        public long Value => Interlocked.Read(ref _value);

        public long Next() => Interlocked.Increment(ref _value);
    }
}
