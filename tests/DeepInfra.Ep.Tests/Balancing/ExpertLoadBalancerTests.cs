// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Balancing;
using FsCheck.Xunit;

namespace DeepInfra.Ep.Tests.Balancing;

public sealed class ExpertLoadBalancerTests
{
    private static readonly BalanceOptions s_exampleOptions = new()
    {
        Replicas = 16,
        Groups = 4,
        Nodes = 2,
        Gpus = 8,
    };

    // The worked example that EPLB publishes.
    private static readonly float[] s_example =
    [
        90,
        132,
        40,
        61,
        104,
        165,
        39,
        4,
        73,
        56,
        183,
        86,
        20,
        107,
        104,
        64,
        19,
        197,
        187,
        157,
        172,
        86,
        16,
        27,
    ];

    [Fact]
    public void Rebalance_PublishedExample_GivesPublishedPlacement()
    {
        using var loads = Tensor<float>.FromSpan(s_example, [2, 12]);

        var placement = ExpertLoadBalancer.Rebalance(loads, s_exampleOptions);

        placement
            .PhysicalToLogical(0)
            .ToArray()
            .Should()
            .Equal(5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1);
        placement
            .PhysicalToLogical(1)
            .ToArray()
            .Should()
            .Equal(7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1);
        placement.ReplicaCount(0).ToArray().Should().Equal(1, 2, 1, 1, 2, 2, 1, 1, 1, 1, 2, 1);
        ExpertLoadBalancer
            .Evaluate(placement, loads)[0]
            .LoadPerGpu.Should()
            .Equal(121.5, 86.5, 125, 113, 147.5, 131.5, 156, 152);
    }

    [Fact]
    public void Rebalance_GroupsNotDivisibleByNodes_UsesGlobalPolicy()
    {
        using var loads = Tensor<float>.FromSpan(s_example, [2, 12]);

        var placement = ExpertLoadBalancer.Rebalance(
            loads,
            new BalanceOptions
            {
                Replicas = 16,
                Groups = 4,
                Nodes = 3,
                Gpus = 8,
            }
        );

        placement
            .PhysicalToLogical(0)
            .ToArray()
            .Should()
            .Equal(10, 6, 10, 7, 0, 2, 11, 4, 5, 9, 5, 4, 8, 3, 1, 1);
    }

    [Theory]
    // Equal loads: ties go to the lower expert and the lower GPU.
    [InlineData(8, 4, new float[] { 1, 1, 1, 1, 1, 1, 1, 1 }, new[] { 0, 4, 1, 5, 2, 6, 3, 7 })]
    // One per GPU: expert i on GPU i, whatever the loads.
    [InlineData(4, 4, new float[] { 1, 9, 3, 4 }, new[] { 0, 1, 2, 3 })]
    // One hot expert takes all replicas.
    [InlineData(6, 2, new float[] { 0, 0, 8, 0 }, new[] { 2, 2, 3, 2, 0, 1 })]
    // No load at all: spare replicas go to the first expert.
    [InlineData(4, 2, new float[] { 0, 0 }, new[] { 0, 1, 0, 0 })]
    // Fractions.
    [InlineData(4, 2, new[] { 0.5f, 0.25f, 0.125f }, new[] { 0, 0, 1, 2 })]
    public void Rebalance_TiesAndExtremes_GivesTheGreedyPlacement(
        int replicas,
        int gpus,
        float[] load,
        int[] expected
    )
    {
        using var loads = Tensor<float>.FromSpan(load, [1, load.Length]);

        var placement = ExpertLoadBalancer.Rebalance(
            loads,
            new BalanceOptions { Replicas = replicas, Gpus = gpus }
        );

        placement.PhysicalToLogical(0).ToArray().Should().Equal(expected);
    }

    [Theory]
    [InlineData(12, 12, 1, 1, 12)]
    [InlineData(12, 12, 4, 2, 4)]
    [InlineData(8, 8, 1, 1, 1)]
    [InlineData(256, 288, 8, 4, 32)]
    [InlineData(256, 288, 1, 1, 144)]
    [InlineData(1, 4, 1, 1, 4)]
    public void Rebalance_ZipfOneHotZeroAndEqualLoads_KeepsInvariants(
        int experts,
        int replicas,
        int groups,
        int nodes,
        int gpus
    )
    {
        var options = new BalanceOptions
        {
            Replicas = replicas,
            Groups = groups,
            Nodes = nodes,
            Gpus = gpus,
        };
        using var loads = Tensor<float>.Create([4, experts]);
        for (var expert = 0; expert < experts; expert++)
        {
            loads[0, expert] = 1000f / (expert + 1);
            loads[1, expert] = expert == experts / 2 ? 7.5f : 0;
            loads[3, expert] = 3;
        }

        CheckInvariants(ExpertLoadBalancer.Rebalance(loads, options), options);
    }

    [Property(MaxTest = 100)]
    public void Rebalance_RandomLoads_KeepsInvariants(int seed)
    {
        var random = new Random(seed);
        var nodes = random.Next(1, 4);
        var gpus = nodes * random.Next(1, 5);
        var groups = nodes * random.Next(1, 4);
        var experts = groups * random.Next(1, 6);
        var replicas = (experts + random.Next(0, 20) + gpus - 1) / gpus * gpus;
        var options = new BalanceOptions
        {
            Replicas = replicas,
            Groups = groups,
            Nodes = nodes,
            Gpus = gpus,
        };
        using var loads = Tensor<float>.Create([3, experts]);
        foreach (ref var load in loads.AsSpan())
            load = random.Next(3) == 0 ? random.Next(5) : random.NextSingle() * 100;

        CheckInvariants(ExpertLoadBalancer.Rebalance(loads, options), options);
    }

    [Property(MaxTest = 200)]
    public void Replicate_Heap_EqualsScan(int seed)
    {
        var random = new Random(seed);
        var weights = new float[random.Next(1, 40)];
        for (var i = 0; i < weights.Length; i++)
            weights[i] = random.Next(2) == 0 ? random.Next(4) : random.NextSingle();
        var replicas = weights.Length + random.Next(0, 60);

        var actual = GreedyBalancer.Replicate(weights, replicas);

        var (item, rank, count) = Scan(weights, replicas);
        actual.Item.Should().Equal(item);
        actual.Rank.Should().Equal(rank);
        actual.Count.Should().Equal(count);
    }

    [Fact]
    public void Evaluate_PerfectPlacement_HasNoImbalance()
    {
        using var loads = Tensor<int>.FromSpan([5, 5, 5, 5], [1, 4]);
        var placement = ExpertLoadBalancer.Rebalance(
            loads,
            new BalanceOptions
            {
                Replicas = 4,
                Gpus = 2,
                Nodes = 2,
                Groups = 2,
            }
        );

        var quality = ExpertLoadBalancer.Evaluate(placement, loads)[0];

        quality.GpuImbalance.Should().Be(1);
        quality.NodeImbalance.Should().Be(1);
        quality.LoadPerNode.Should().Equal(10, 10);
    }

    [Fact]
    public void FromJson_OfToJson_GivesSamePlacement()
    {
        using var loads = Tensor<float>.FromSpan(s_example, [2, 12]);
        var placement = ExpertLoadBalancer.Rebalance(loads, s_exampleOptions);

        var copy = ExpertPlacement.FromJson(placement.ToJson());

        copy.ToJson().Should().Be(placement.ToJson());
        copy.ToLogicalToPhysical()
            .ToArray()
            .Should()
            .Equal(placement.ToLogicalToPhysical().ToArray());
        copy.NodeCount.Should().Be(2);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData(
        """{"experts":2,"gpus":1,"nodes":1,"physicalToLogical":[[0,2]],"replicaRank":[[0,0]]}"""
    )]
    [InlineData(
        """{"experts":2,"gpus":1,"nodes":1,"physicalToLogical":[[0,0]],"replicaRank":[[0,1]]}"""
    )]
    [InlineData(
        """{"experts":1,"gpus":1,"nodes":1,"physicalToLogical":[[0,0]],"replicaRank":[[0,0]]}"""
    )]
    [InlineData(
        """{"experts":1,"gpus":1,"nodes":1,"physicalToLogical":[[0,0]],"replicaRank":[[0,5]]}"""
    )]
    [InlineData(
        """{"experts":1,"gpus":2,"nodes":1,"physicalToLogical":[[0]],"replicaRank":[[0]]}"""
    )]
    [InlineData(
        """{"experts":2000000000,"gpus":1,"nodes":1,"physicalToLogical":[[0]],"replicaRank":[[0]]}"""
    )]
    [InlineData(
        """{"experts":1,"gpus":1,"nodes":1,"physicalToLogical":[null],"replicaRank":[null]}"""
    )]
    public void FromJson_InconsistentText_Throws(string json)
    {
        var act = () => ExpertPlacement.FromJson(json);

        act.Should().Throw<FormatException>();
    }

    [Theory]
    [InlineData(12, 11, 1, 1, 11)] // fewer replicas than experts
    [InlineData(12, 16, 1, 1, 5)] // replicas not divisible by GPUs
    [InlineData(12, 16, 5, 1, 8)] // groups do not divide experts
    [InlineData(12, 16, 6, 3, 8)] // nodes do not divide GPUs
    [InlineData(12, 16, 1, 1, 0)]
    public void Rebalance_NumbersThatDoNotFit_Throws(
        int experts,
        int replicas,
        int groups,
        int nodes,
        int gpus
    )
    {
        using var loads = Tensor<float>.Create([1, experts]);

        var act = () =>
            ExpertLoadBalancer.Rebalance(
                loads,
                new BalanceOptions
                {
                    Replicas = replicas,
                    Groups = groups,
                    Nodes = nodes,
                    Gpus = gpus,
                }
            );

        act.Should().Throw<ArgumentException>();
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Rebalance_BadLoad_Throws(float load)
    {
        using var loads = Tensor<float>.FromSpan([1, load], [1, 2]);

        var act = () =>
            ExpertLoadBalancer.Rebalance(loads, new BalanceOptions { Replicas = 2, Gpus = 1 });

        act.Should().Throw<ArgumentException>().Which.Message.Should().Contain("loads[0,1]");
    }

    [Fact]
    public void Rebalance_NoExperts_Throws()
    {
        using var loads = Tensor<float>.Create([1, 0]);

        var act = () =>
            ExpertLoadBalancer.Rebalance(loads, new BalanceOptions { Replicas = 2, Gpus = 1 });

        act.Should().Throw<ArgumentException>();
    }

    private static void CheckInvariants(ExpertPlacement placement, BalanceOptions options)
    {
        for (var layer = 0; layer < placement.LayerCount; layer++)
        {
            var counts = placement.ReplicaCount(layer).ToArray();
            counts.Min().Should().BeGreaterThanOrEqualTo(1);
            counts.Sum().Should().Be(options.Replicas);
            for (var expert = 0; expert < placement.ExpertCount; expert++)
                foreach (var physical in placement.LogicalToPhysical(layer, expert))
                    placement.PhysicalToLogical(layer)[physical].Should().Be(expert);
            if (!options.IsHierarchical)
                continue;
            var groupSize = placement.ExpertCount / options.Groups;
            var nodeOfGroup = new Dictionary<int, int>();
            for (var physical = 0; physical < options.Replicas; physical++)
            {
                var group = placement.PhysicalToLogical(layer)[physical] / groupSize;
                var node = placement.GpuOf(physical) / (options.Gpus / options.Nodes);
                nodeOfGroup.TryAdd(group, node);
                nodeOfGroup[group].Should().Be(node);
            }
        }
    }

    private static (int[] Item, int[] Rank, int[] Count) Scan(float[] weights, int replicas)
    {
        var item = new int[replicas];
        var rank = new int[replicas];
        var count = new int[weights.Length];
        for (var i = 0; i < replicas; i++)
        {
            var best = i;
            if (i >= weights.Length)
            {
                best = 0;
                for (var candidate = 1; candidate < weights.Length; candidate++)
                    if (weights[candidate] / count[candidate] > weights[best] / count[best])
                        best = candidate;
            }
            item[i] = best;
            rank[i] = count[best]++;
        }
        return (item, rank, count);
    }
}
