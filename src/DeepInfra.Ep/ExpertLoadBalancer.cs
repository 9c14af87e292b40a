// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Balancing;

namespace DeepInfra.Ep;

/// <summary>
/// Places replicas of experts on GPUs so that their loads are even (the algorithm of EPLB): heavy experts get
/// more replicas, replicas are packed greedily. All arithmetic is Float32, since ties depend on it. Deterministic.
/// </summary>
/// <example>
/// <code>
/// using var loads = Tensor&lt;float&gt;.FromSpan(counts, [layers, 256]);
/// var placement = ExpertLoadBalancer.Rebalance(loads, new() { Replicas = 288, Gpus = 32 });
/// var quality = ExpertLoadBalancer.Evaluate(placement, loads);
/// </code>
/// </example>
public static class ExpertLoadBalancer
{
    /// <summary>Computes a placement.</summary>
    /// <param name="loads">Float32, Int32 or Int64 [layers,E]: the load of each expert, at least 0; zeros are fine.</param>
    /// <param name="options">What the placement must fit.</param>
    /// <exception cref="ArgumentException">Numbers do not divide as needed, there are fewer replicas than experts, or a load is negative or not finite.</exception>
    public static ExpertPlacement Rebalance(Tensor loads, BalanceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var values = ReadLoads(loads);
        options.Validate(values[0].Length);
        return new ExpertPlacement(
            values[0].Length,
            options.Gpus,
            options.Nodes,
            Array.ConvertAll(values, layer => GreedyBalancer.Balance(layer, options))
        );
    }

    /// <summary>How even the loads of GPUs and nodes are under a placement; an expert's load is spread evenly over its replicas.</summary>
    /// <param name="placement">The placement.</param>
    /// <param name="loads">Float32, Int32 or Int64 [layers,E].</param>
    /// <returns>One entry per layer.</returns>
    /// <exception cref="ArgumentException">The loads do not fit the placement, or a load is negative or not finite.</exception>
    public static IReadOnlyList<PlacementQuality> Evaluate(ExpertPlacement placement, Tensor loads)
    {
        ArgumentNullException.ThrowIfNull(placement);
        var values = ReadLoads(loads);
        if (values.Length != placement.LayerCount || values[0].Length != placement.ExpertCount)
            throw new ArgumentException(
                $"loads: expected [{placement.LayerCount},{placement.ExpertCount}], got {loads.Shape}",
                nameof(loads)
            );
        var result = new PlacementQuality[values.Length];
        for (var layer = 0; layer < values.Length; layer++)
            result[layer] = QualityOf(placement, layer, values[layer]);
        return result;
    }

    private static PlacementQuality QualityOf(ExpertPlacement placement, int layer, float[] loads)
    {
        var perGpu = new double[placement.GpuCount];
        // Without equal nodes (global policy) a node has no fixed GPUs.
        var nodes = placement.GpuCount % placement.NodeCount == 0 ? placement.NodeCount : 1;
        var perNode = new double[nodes];
        var counts = placement.ReplicaCount(layer);
        var logical = placement.PhysicalToLogical(layer);
        for (var physical = 0; physical < logical.Length; physical++)
        {
            var load = loads[logical[physical]] / (double)counts[logical[physical]];
            var gpu = placement.GpuOf(physical);
            perGpu[gpu] += load;
            perNode[gpu / (placement.GpuCount / nodes)] += load;
        }
        return new PlacementQuality(perGpu, perNode);
    }

    private static float[][] ReadLoads(Tensor loads)
    {
        ArgumentNullException.ThrowIfNull(loads);
        if (loads.Rank != 2 || loads.Shape[0] < 1 || loads.Shape[1] < 1)
            throw new ArgumentException(
                $"loads: expected [layers,E] with at least one layer and expert, got {loads}",
                nameof(loads)
            );
        var result = new float[loads.Shape[0]][];
        for (var layer = 0; layer < result.Length; layer++)
        {
            result[layer] = new float[loads.Shape[1]];
            for (var expert = 0; expert < result[layer].Length; expert++)
            {
                var value = loads switch
                {
                    Tensor<float> single => single[layer, expert],
                    Tensor<int> narrow => narrow[layer, expert],
                    Tensor<long> wide => wide[layer, expert],
                    _ => throw new ArgumentException(
                        $"loads: expected Float32, Int32 or Int64, got {loads.DType}",
                        nameof(loads)
                    ),
                };
                if (!(value >= 0) || float.IsInfinity(value))
                    throw new ArgumentException(
                        $"loads[{layer},{expert}]: expected a finite value >= 0, got {value}",
                        nameof(loads)
                    );
                result[layer][expert] = value;
            }
        }
        return result;
    }
}
