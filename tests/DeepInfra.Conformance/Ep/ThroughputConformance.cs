// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Ep;

/// <summary>What every transport must do in throughput mode. A transport derives one class.</summary>
public abstract class ThroughputConformance
{
    protected abstract ExpertParallelGroup[] CreateGroups(int size);

    public static TheoryData<int, int, DType, int, int, int> Shapes() =>
        new()
        {
            // ranks, tokens, type, hidden, experts, K
            { 1, 64, DType.BFloat16, 256, 8, 2 },
            { 1, 1, DType.Float32, 128, 1, 1 },
            { 2, 200, DType.BFloat16, 7168, 256, 8 },
            { 2, 64, DType.Float32, 192, 8, 2 },
            { 4, 129, DType.BFloat16, 2048, 256, 6 },
            { 4, 7, DType.Float16, 256, 64, 9 },
            { 8, 100, DType.BFloat16, 256, 256, 8 },
            { 8, 33, DType.BFloat16, 256, 256, 1 },
            { 8, 40, DType.Float32, 64, 64, 32 },
            { 8, 1, DType.BFloat16, 256, 8, 2 },
            // More ranks than bits in a word, more ranks than selections.
            { 70, 3, DType.BFloat16, 64, 140, 32 },
        };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void DispatchThenCombine_RandomRouting_MatchesReference(
        int ranks,
        int tokens,
        DType dtype,
        int hidden,
        int experts,
        int topK
    )
    {
        // Ranks hold different numbers of tokens, one of them none if there are enough.
        var counts = Enumerable
            .Range(0, ranks)
            .Select(rank => ranks > 2 && rank == 1 ? 0 : Math.Max(1, tokens - rank))
            .ToArray();
        var inputs = EpData.RandomInputs(
            counts,
            dtype,
            hidden,
            experts,
            topK,
            seed: 1,
            missing: 0.2
        );
        var expected = ReferenceExpertParallel.Dispatch(inputs);
        var rows = expected
            .Select((d, rank) => EpData.RandomRows(dtype, d.X.Shape[0], hidden, 50 + rank))
            .ToArray();
        var expectedSums = ReferenceExpertParallel.Combine(expected, rows);
        var expectedWeights = ReferenceExpertParallel.CombineWeights(
            expected,
            [.. expected.Select(d => d.TopkWeights!)]
        );

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(
                    group,
                    new ThroughputBufferOptions
                    {
                        MaxTokensPerRank = tokens,
                        Hidden = hidden,
                        LargestElement = dtype,
                    }
                );
                for (var repeat = 0; repeat < 3; repeat++)
                {
                    using var received = buffer.Dispatch(inputs[group.Rank]);
                    CheckDispatch(received, expected[group.Rank], tokens);
                    using var combined = buffer.Combine(
                        rows[group.Rank],
                        received.Handle,
                        new CombineOptions { TopkWeights = received.TopkWeights }
                    );
                    EpData.RequireSameBytes(combined.X, expectedSums[group.Rank]);
                    combined
                        .TopkWeights!.ToArray()
                        .Should()
                        .Equal(expectedWeights[group.Rank].ToArray());
                }
            }
        );
    }

    private static void CheckDispatch(
        DispatchResult actual,
        ReferenceDispatch expected,
        int maxTokens
    )
    {
        EpData.RequireSameBytes(actual.X, expected.X);
        actual.TopkIdx!.As<long>().ToArray().Should().Equal(expected.TopkIdx!.ToArray());
        actual.TopkWeights!.ToArray().Should().Equal(expected.TopkWeights!.ToArray());
        actual.TokensPerExpert.Should().Equal(expected.TokensPerExpert);
        actual.SourceIndex.ToArray().Should().Equal(expected.Sources.Select(s => s.Token));
        actual
            .SourceGlobalIndex.ToArray()
            .Should()
            .Equal(expected.Sources.Select(s => s.Rank * maxTokens + s.Token));
    }
}
