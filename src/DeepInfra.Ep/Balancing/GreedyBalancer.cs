// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Balancing;

/// <summary>
/// The greedy algorithm: pack expert groups onto nodes, replicate the experts of each node, pack the replicas onto
/// the node's GPUs. The global policy is the same with one group and one node.
/// </summary>
internal static class GreedyBalancer
{
    public static LayerPlacement Balance(float[] loads, BalanceOptions options)
    {
        var groups = options.IsHierarchical ? options.Groups : 1;
        var nodes = options.IsHierarchical ? options.Nodes : 1;
        var expertsPerNode = loads.Length / nodes;
        var slotsPerNode = options.Replicas / nodes;
        var slotsPerGpu = options.Replicas / options.Gpus;
        var middleToLogical = OrderByNode(loads, groups, nodes);

        var logical = new int[options.Replicas];
        var replicaRank = new int[options.Replicas];
        for (var node = 0; node < nodes; node++)
        {
            var experts = middleToLogical.AsSpan(node * expertsPerNode, expertsPerNode);
            var nodeLoads = new float[expertsPerNode];
            for (var i = 0; i < expertsPerNode; i++)
                nodeLoads[i] = loads[experts[i]];
            var replicas = Replicate(nodeLoads, slotsPerNode);
            var shares = new float[slotsPerNode];
            for (var i = 0; i < slotsPerNode; i++)
                shares[i] = nodeLoads[replicas.Item[i]] / replicas.Count[replicas.Item[i]];
            var packs = Pack(shares, options.Gpus / nodes);
            for (var i = 0; i < slotsPerNode; i++)
            {
                var slot = node * slotsPerNode + packs.Pack[i] * slotsPerGpu + packs.Position[i];
                logical[slot] = experts[replicas.Item[i]];
                replicaRank[slot] = replicas.Rank[i];
            }
        }
        return new LayerPlacement(logical, replicaRank);
    }

    /// <summary>Puts n items into m packs of n/m items each, heaviest first, each into the lightest pack with room.</summary>
    public static (int[] Pack, int[] Position) Pack(float[] weights, int packs)
    {
        var capacity = weights.Length / packs;
        var pack = new int[weights.Length];
        var position = new int[weights.Length];
        if (capacity == 1)
        {
            for (var i = 0; i < pack.Length; i++)
                pack[i] = i;
            return (pack, position);
        }
        var order = Enumerable.Range(0, weights.Length).ToArray();
        Array.Sort(
            order,
            (a, b) =>
            {
                var byWeight = weights[b].CompareTo(weights[a]);
                return byWeight != 0 ? byWeight : a.CompareTo(b);
            }
        );
        var loads = new float[packs];
        var sizes = new int[packs];
        foreach (var item in order)
        {
            var lightest = -1;
            for (var candidate = 0; candidate < packs; candidate++)
                if (
                    sizes[candidate] < capacity
                    && (lightest < 0 || loads[candidate] < loads[lightest])
                )
                    lightest = candidate;
            pack[item] = lightest;
            position[item] = sizes[lightest]++;
            loads[lightest] += weights[item];
        }
        return (pack, position);
    }

    /// <summary>One replica of each item, then one more of the item with the largest load per replica until there are enough. O(p log n).</summary>
    public static (int[] Item, int[] Rank, int[] Count) Replicate(float[] weights, int replicas)
    {
        var item = new int[replicas];
        var rank = new int[replicas];
        var count = new int[weights.Length];
        var heap = new ShareHeap(weights);
        for (var i = 0; i < replicas; i++)
        {
            item[i] = i < weights.Length ? i : heap.Largest;
            rank[i] = count[item[i]]++;
            if (i >= weights.Length)
                heap.ReplaceLargest(weights[item[i]] / count[item[i]]);
        }
        return (item, rank, count);
    }

    /// <summary>Experts in the order of the nodes that their groups are packed onto.</summary>
    private static int[] OrderByNode(float[] loads, int groups, int nodes)
    {
        var groupSize = loads.Length / groups;
        var groupLoads = new float[groups];
        for (var expert = 0; expert < loads.Length; expert++)
            groupLoads[expert / groupSize] += loads[expert];
        var packs = Pack(groupLoads, nodes);
        var order = new int[loads.Length];
        for (var group = 0; group < groups; group++)
        {
            var first = (packs.Pack[group] * (groups / nodes) + packs.Position[group]) * groupSize;
            for (var i = 0; i < groupSize; i++)
                order[first + i] = group * groupSize + i;
        }
        return order;
    }
}
