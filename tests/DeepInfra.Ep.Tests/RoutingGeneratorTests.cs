// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Tests;

public sealed class RoutingGeneratorTests
{
    [Fact]
    public void Next_Default_DrawsDistinctExpertsAndWeightsOfOne()
    {
        var (topkIdx, weights) = new RoutingGenerator(64, 8, seed: 1).Next(100);

        for (var token = 0; token < 100; token++)
        {
            topkIdx.AsSelected(0, token).ToArray().Should().OnlyHaveUniqueItems();
            weights.AsSelected(0, token).ToArray().Sum().Should().BeApproximately(1, 1e-5f);
        }
        topkIdx.ToArray().Should().OnlyContain(expert => expert >= 0 && expert < 64);
    }

    [Fact]
    public void Next_SameSeed_GivesSameTable()
    {
        var first = new RoutingGenerator(64, 8, seed: 7).Next(10);
        var second = new RoutingGenerator(64, 8, seed: 7).Next(10);

        first.TopkIdx.ToArray().Should().Equal(second.TopkIdx.ToArray());
    }

    [Fact]
    public void Next_Groups_UsesOnlyTheTopGroups()
    {
        var generator = new RoutingGenerator(64, 8, seed: 1) { Groups = 8, TopGroups = 2 };

        var (topkIdx, _) = generator.Next(50);

        for (var token = 0; token < 50; token++)
            topkIdx
                .AsSelected(0, token)
                .ToArray()
                .Select(expert => expert / 8)
                .Distinct()
                .Count()
                .Should()
                .BeLessThanOrEqualTo(2);
    }

    [Fact]
    public void Next_SkewAndMissing_ShapeTheTable()
    {
        var (topkIdx, _) = new RoutingGenerator(64, 4, seed: 1)
        {
            Skew = 2,
            MissingRatio = 0.5,
        }.Next(500);
        var all = topkIdx.ToArray();

        all.Count(expert => expert == -1).Should().BeInRange(800, 1200);
        all.Count(expert => expert == 0).Should().BeGreaterThan(all.Count(expert => expert == 40));
    }

    [Theory]
    [InlineData(8, 9, 1, 1)]
    [InlineData(8, 0, 1, 1)]
    [InlineData(8, 2, 3, 1)]
    [InlineData(8, 2, 4, 5)]
    [InlineData(8, 3, 4, 1)]
    public void Next_ImpossibleRequest_Throws(int experts, int topK, int groups, int topGroups)
    {
        var act = () =>
            new RoutingGenerator(experts, topK, seed: 1)
            {
                Groups = groups,
                TopGroups = topGroups,
            }.Next(1);

        act.Should().Throw<ArgumentException>();
    }
}
