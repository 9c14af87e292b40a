// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Balancing;

/// <summary>The JSON form of a placement.</summary>
internal sealed class PlacementDocument
{
    public int Experts { get; set; }

    public int Gpus { get; set; }

    public int Nodes { get; set; }

    public int[][] PhysicalToLogical { get; set; } = [];

    public int[][] ReplicaRank { get; set; } = [];

    /// <summary>What is inconsistent; null if nothing is.</summary>
    public string? FindFault()
    {
        if (Experts < 1 || Gpus < 1 || Nodes < 1)
            return "experts, gpus and nodes must be positive";
        if (
            PhysicalToLogical is not { Length: > 0 }
            || ReplicaRank is null
            || ReplicaRank.Length != PhysicalToLogical.Length
        )
            return "there must be as many layers of physicalToLogical as of replicaRank, and at least one";
        for (var layer = 0; layer < PhysicalToLogical.Length; layer++)
            if (FindFault(layer) is { } fault)
                return $"layer {layer}: {fault}";
        return null;
    }

    private string? FindFault(int layer)
    {
        var (logical, ranks) = (PhysicalToLogical[layer], ReplicaRank[layer]);
        if (
            logical is null
            || ranks is null
            || logical.Length != ranks.Length
            || logical.Length != PhysicalToLogical[0].Length
            || logical.Length == 0
            || logical.Length % Gpus != 0
        )
            return "the number of physical experts must be a positive multiple of the GPUs, the same everywhere";
        var seen = new HashSet<(int, int)>();
        var counts = new int[Math.Min(Experts, logical.Length)];
        for (var slot = 0; slot < logical.Length; slot++)
        {
            if ((uint)logical[slot] >= (uint)counts.Length)
                return $"physical expert {slot} holds {logical[slot]}, which is no logical expert";
            counts[logical[slot]]++;
            if (ranks[slot] < 0 || !seen.Add((logical[slot], ranks[slot])))
                return $"physical expert {slot} repeats a replica";
        }
        if (Experts > counts.Length || counts.Any(count => count == 0))
            return "every logical expert needs a replica";
        return seen.Any(replica => replica.Item2 >= counts[replica.Item1])
            ? "replica numbers must be consecutive"
            : null;
    }
}
