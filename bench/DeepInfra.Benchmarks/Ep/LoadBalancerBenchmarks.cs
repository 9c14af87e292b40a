// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.Ep;

namespace DeepInfra.Benchmarks.Ep;

/// <summary>Placement of the experts of all layers of DeepSeek-V3 with 32 redundant experts, and its evaluation.</summary>
[MemoryDiagnoser]
public class LoadBalancerBenchmarks
{
    private const int Layers = 58;
    private const int Experts = 256;

    private Tensor<float> _loads = null!;
    private BalanceOptions _options = null!;
    private ExpertPlacement _placement = null!;

    /// <summary>Prefill: 32 GPUs on 4 nodes, hierarchical. Decode: 144 GPUs on 18 nodes, global.</summary>
    [Params("prefill EP32", "decode EP144")]
    public string Deployment { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var isPrefill = Deployment.StartsWith("prefill", StringComparison.Ordinal);
        _options = new BalanceOptions
        {
            Replicas = 288,
            Gpus = isPrefill ? 32 : 144,
            Nodes = isPrefill ? 4 : 18,
            Groups = 8,
        };
        _loads = Tensor<float>.Create([Layers, Experts]);
        var random = new Random(1);
        for (var layer = 0; layer < Layers; layer++)
        {
            // Zipf loads, the heavy experts elsewhere in every layer.
            var order = Enumerable.Range(0, Experts).ToArray();
            random.Shuffle(order);
            for (var i = 0; i < Experts; i++)
                _loads[layer, order[i]] = 1e6f / (i + 1);
        }
        _placement = ExpertLoadBalancer.Rebalance(_loads, _options);
    }

    [Benchmark]
    public ExpertPlacement Rebalance() => ExpertLoadBalancer.Rebalance(_loads, _options);

    [Benchmark]
    public IReadOnlyList<PlacementQuality> Evaluate() =>
        ExpertLoadBalancer.Evaluate(_placement, _loads);
}
