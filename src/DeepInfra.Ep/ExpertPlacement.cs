// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Core;
using DeepInfra.Ep.Balancing;

namespace DeepInfra.Ep;

/// <summary>
/// Which logical expert each physical expert slot holds, per layer. GPU g has the slots g·P/G up to (g+1)·P/G.
/// Immutable.
/// </summary>
public sealed class ExpertPlacement
{
    private readonly LayerPlacement[] _layers;
    private readonly int[][] _counts;
    private readonly int[][][] _physical;

    internal ExpertPlacement(int experts, int gpus, int nodes, LayerPlacement[] layers)
    {
        ExpertCount = experts;
        GpuCount = gpus;
        NodeCount = nodes;
        _layers = layers;
        _counts = Array.ConvertAll(layers, layer => Count(layer, experts));
        _physical = new int[layers.Length][][];
        for (var layer = 0; layer < layers.Length; layer++)
            _physical[layer] = Invert(layers[layer], _counts[layer]);
    }

    /// <summary>Number of layers.</summary>
    public int LayerCount => _layers.Length;

    /// <summary>Number of logical experts E.</summary>
    public int ExpertCount { get; }

    /// <summary>Number of physical experts P.</summary>
    public int PhysicalCount => _layers[0].Logical.Length;

    /// <summary>Number of GPUs G.</summary>
    public int GpuCount { get; }

    /// <summary>Number of nodes N.</summary>
    public int NodeCount { get; }

    /// <summary>Most replicas that an expert has in any layer.</summary>
    public int MaxReplicas => _counts.Max(layer => layer.Max());

    /// <summary>[P]: the logical expert of each physical one.</summary>
    /// <param name="layer">The layer.</param>
    public ReadOnlySpan<int> PhysicalToLogical(int layer) => _layers[layer].Logical;

    /// <summary>[E]: replicas of each logical expert, at least 1.</summary>
    /// <param name="layer">The layer.</param>
    public ReadOnlySpan<int> ReplicaCount(int layer) => _counts[layer];

    /// <summary>The physical experts that hold a logical one, by replica number.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="expert">The logical expert.</param>
    public ReadOnlySpan<int> LogicalToPhysical(int layer, int expert) => _physical[layer][expert];

    /// <summary>Int32 [layers,E,X] with X = <see cref="MaxReplicas"/>: physical experts by replica number, -1 where there are fewer.</summary>
    public Tensor<int> ToLogicalToPhysical()
    {
        var result = Tensor<int>.Create([LayerCount, ExpertCount, MaxReplicas]);
        result.Fill(-1);
        for (var layer = 0; layer < LayerCount; layer++)
        for (var expert = 0; expert < ExpertCount; expert++)
        for (var replica = 0; replica < _physical[layer][expert].Length; replica++)
            result[layer, expert, replica] = _physical[layer][expert][replica];
        return result;
    }

    /// <summary>The GPU of a physical expert.</summary>
    /// <param name="physical">The physical expert.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such physical expert.</exception>
    public int GpuOf(int physical)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(physical);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(physical, PhysicalCount);
        return physical / (PhysicalCount / GpuCount);
    }

    /// <summary>The placement as JSON.</summary>
    public string ToJson() =>
        JsonSerializer.Serialize(
            new PlacementDocument
            {
                Experts = ExpertCount,
                Gpus = GpuCount,
                Nodes = NodeCount,
                PhysicalToLogical = Array.ConvertAll(_layers, layer => layer.Logical),
                ReplicaRank = Array.ConvertAll(_layers, layer => layer.ReplicaRank),
            },
            PlacementJson.Default.PlacementDocument
        );

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="FormatException">The text is not a consistent placement.</exception>
    public static ExpertPlacement FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        PlacementDocument? document;
        try
        {
            document = JsonSerializer.Deserialize(json, PlacementJson.Default.PlacementDocument);
        }
        catch (JsonException e)
        {
            throw new FormatException("The text is not a placement: " + e.Message, e);
        }
        if (document is null)
            throw new FormatException("The text is not a placement: it is null");
        if (document.FindFault() is { } fault)
            throw new FormatException("The text is not a placement: " + fault);
        var layers = new LayerPlacement[document.PhysicalToLogical.Length];
        for (var layer = 0; layer < layers.Length; layer++)
            layers[layer] = new LayerPlacement(
                document.PhysicalToLogical[layer],
                document.ReplicaRank[layer]
            );
        return new ExpertPlacement(document.Experts, document.Gpus, document.Nodes, layers);
    }

    private static int[] Count(LayerPlacement layer, int experts)
    {
        var counts = new int[experts];
        foreach (var expert in layer.Logical)
            counts[expert]++;
        return counts;
    }

    private static int[][] Invert(LayerPlacement layer, int[] counts)
    {
        var physical = Array.ConvertAll(counts, count => new int[count]);
        for (var slot = 0; slot < layer.Logical.Length; slot++)
            physical[layer.Logical[slot]][layer.ReplicaRank[slot]] = slot;
        return physical;
    }
}
