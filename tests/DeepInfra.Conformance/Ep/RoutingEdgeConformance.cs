// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Ep;

/// <summary>Routing at its extremes, and waits that are given up, on every transport.</summary>
public abstract class RoutingEdgeConformance
{
    private const int Experts = 8;

    protected abstract ExpertParallelGroup[] CreateGroups(int size);

    /// <summary>What the ranks' tables hold.</summary>
    public enum Routing
    {
        OneExpert,
        NoSelections,
        MissingInFront,
        OnlyRankZeroHasTokens,
    }

    public static TheoryData<int, Routing> Cases()
    {
        var data = new TheoryData<int, Routing>();
        foreach (var ranks in new[] { 1, 2, 4 })
        foreach (var routing in Enum.GetValues<Routing>())
            data.Add(ranks, routing);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Throughput_ExtremeRouting_MatchesReference(int ranks, Routing routing)
    {
        var inputs = Enumerable.Range(0, ranks).Select(rank => InputOf(rank, routing)).ToArray();
        var expected = ReferenceExpertParallel.Dispatch(inputs);
        var sums = ReferenceExpertParallel.Combine(expected, [.. expected.Select(d => d.X)]);

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(
                    group,
                    new ThroughputBufferOptions { MaxTokensPerRank = 6, Hidden = 128 }
                );
                using var received = buffer.Dispatch(inputs[group.Rank]);
                EpData.RequireSameBytes(received.X, expected[group.Rank].X);
                received.TokensPerExpert.Should().Equal(expected[group.Rank].TokensPerExpert);
                using var combined = buffer.Combine(received.X, received.Handle);
                EpData.RequireSameBytes(combined.X, sums[group.Rank]);
                using var again = buffer.DispatchCached(inputs[group.Rank].X, received.Handle);
                EpData.RequireSameBytes(again.X, expected[group.Rank].X);
            }
        );
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LowLatency_ExtremeRouting_MatchesReference(int ranks, Routing routing)
    {
        var inputs = Enumerable.Range(0, ranks).Select(rank => InputOf(rank, routing)).ToArray();
        var tables = inputs.Select(input => (Tensor<long>)input.TopkIdx!).ToArray();
        var layout = ReferenceExpertParallel.LowLatencyDispatch(tables, Experts);

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                var input = inputs[group.Rank];
                using var buffer = LowLatencyBuffer.Create(
                    group,
                    new LowLatencyBufferOptions
                    {
                        MaxTokensPerRank = 6,
                        Hidden = 128,
                        Experts = Experts,
                    }
                );
                var options = new LowLatencyDispatchOptions { Format = LowLatencyFormat.Bf16 };
                using var received = buffer.BeginDispatch(input.X, input.TopkIdx!, options);
                received.Hook!.Invoke();
                var counts = layout[group.Rank].Select(rows => rows.Count);
                received.Count.ToArray().Should().Equal(counts);
                // Rows go back unchanged with weights of 1: each token is multiplied by its selections.
                using var ones = Tensor<float>.Create(input.TopkIdx!.Shape);
                ones.Fill(1);
                using var combined = buffer.Combine(
                    (Tensor<BFloat16>)received.X,
                    input.TopkIdx!,
                    ones,
                    received.Handle
                );
                var x = (Tensor<BFloat16>)input.X;
                for (var token = 0; token < x.Shape[0]; token++)
                {
                    var selections = tables[group.Rank]
                        .AsSelected(0, token)
                        .ToArray()
                        .Count(expert => expert >= 0);
                    ((float)combined.X[token, 5]).Should().Be((float)x[token, 5] * selections);
                }
            }
        );
    }

    [Fact]
    public void LowLatencyAsync_Cancelled_FaultsBufferAndFailsPeer()
    {
        using var mayGo = new ManualResetEventSlim();
        var data = LowLatencyData.Create(2, 4, 128, Experts, 2, seed: 1);
        var errors = RankThreads.RunAndCatch(
            CreateGroups(2),
            group =>
            {
                using var buffer = LowLatencyBuffer.Create(group, data.BufferOptions);
                var rank = group.Rank;
                buffer.Dispatch(data.X[rank], data.TopkIdx[rank]).Dispose();
                if (rank == 0)
                {
                    using var cancellation = new CancellationTokenSource(20);
                    var act = async () =>
                        await buffer.DispatchAsync(
                            data.X[0],
                            data.TopkIdx[0],
                            cancellationToken: cancellation.Token
                        );
                    act.Should().ThrowAsync<OperationCanceledException>().Wait();
                    buffer.IsFaulted.Should().BeTrue();
                    mayGo.Set();
                    return;
                }
                mayGo.Wait(TimeSpan.FromMinutes(1)).Should().BeTrue();
                // The peer sent this dispatch before it gave up, but nothing after it.
                buffer.Dispatch(data.X[1], data.TopkIdx[1]).Dispose();
                buffer.Dispatch(data.X[1], data.TopkIdx[1]).Dispose();
            }
        );

        errors[0].Should().BeNull();
        errors[1].Should().BeOfType<PeerFailedException>();
    }

    [Fact]
    public void Hook_Cancelled_FaultsBufferAndFailsPeer()
    {
        using var mayGo = new ManualResetEventSlim();
        var data = LowLatencyData.Create(2, 4, 128, Experts, 2, seed: 1);
        var errors = RankThreads.RunAndCatch(
            CreateGroups(2),
            group =>
            {
                var rank = group.Rank;
                using var buffer = LowLatencyBuffer.Create(group, data.BufferOptions);
                using var first = buffer.BeginDispatch(data.X[rank], data.TopkIdx[rank]);
                first.Hook!.Invoke(CancellationToken.None);
                if (rank == 0)
                {
                    using var cancellation = new CancellationTokenSource(20);
                    using var second = buffer.BeginDispatch(data.X[0], data.TopkIdx[0]);
                    var act = () => second.Hook!.Invoke(cancellation.Token);
                    act.Should().Throw<OperationCanceledException>();
                    second.Hook!.IsPending.Should().BeFalse();
                    second
                        .Event.Invoking(e => e.Wait())
                        .Should()
                        .Throw<OperationCanceledException>();
                    buffer.IsFaulted.Should().BeTrue();
                    mayGo.Set();
                    return;
                }
                mayGo.Wait(TimeSpan.FromMinutes(1)).Should().BeTrue();
                buffer.Dispatch(data.X[1], data.TopkIdx[1]).Dispose();
                buffer.Dispatch(data.X[1], data.TopkIdx[1]).Dispose();
            }
        );

        errors[0].Should().BeNull();
        errors[1].Should().BeOfType<PeerFailedException>();
    }

    [Fact]
    public void Clean_RankThatDies_IsMaskedAndLeftOut()
    {
        var data = LowLatencyData.Create(2, 4, 128, Experts, 2, seed: 1);
        var errors = RankThreads.RunAndCatch(
            CreateGroups(2),
            group =>
            {
                using var buffer = LowLatencyBuffer.Create(
                    group,
                    data.BufferOptions with
                    {
                        EnableRankMask = true,
                    }
                );
                buffer.Dispatch(data.X[group.Rank], data.TopkIdx[group.Rank]).Dispose();
                if (group.Rank == 1)
                    throw new InvalidOperationException("dies");
                buffer.Clean();
                buffer.Mask[1].Should().BeTrue();
                buffer.IsFaulted.Should().BeFalse();
                // What is left goes on.
                buffer.Dispatch(data.X[0], data.TopkIdx[0]).Dispose();
            }
        );

        errors[0].Should().BeNull();
    }

    [Fact]
    public void Mask_OfALivingRank_LeavesItOutOnBothSides()
    {
        const int half = Experts / 2;
        var data = LowLatencyData.Create(2, 4, 128, Experts, 2, seed: 1);
        RankThreads.Run(
            CreateGroups(2),
            group =>
            {
                var rank = group.Rank;
                using var buffer = LowLatencyBuffer.Create(
                    group,
                    data.BufferOptions with
                    {
                        EnableRankMask = true,
                    }
                );
                buffer.Mask.Set(1 - rank, true);
                using var received = buffer.Dispatch(data.X[rank], data.TopkIdx[rank]);
                var own = data.TopkIdx[rank]
                    .ToArray()
                    .Count(expert => expert >= 0 && expert / half == rank);
                received.Count.ToArray().Sum().Should().Be(own);
                using var ones = Tensor<BFloat16>.Create([half, 2 * 4, 128]);
                ones.Fill((BFloat16)1f);
                using var weights = Tensor<float>.Create(data.TopkIdx[rank].Shape);
                weights.Fill(1);
                using var combined = buffer.Combine(
                    ones,
                    data.TopkIdx[rank],
                    weights,
                    received.Handle
                );
                combined.X.AsSelected(1, 0).ToArray().Sum(x => (float)x).Should().Be(own);
            }
        );
    }

    [Fact]
    public void NaN_InWeightsAndRows_StaysWithItsToken()
    {
        var data = LowLatencyData.Create(2, 4, 128, Experts, 2, seed: 1);
        foreach (var topkIdx in data.TopkIdx)
        foreach (ref var expert in topkIdx.AsSpan())
            expert = -1;
        for (var token = 0; token < data.X[0].Shape[0]; token++)
            (data.TopkIdx[0][token, 0], data.TopkIdx[0][token, 1]) = (token, Experts - 1 - token);
        data.TopkWeights[0].Fill(1);
        data.TopkWeights[0][1, 0] = float.NaN;
        data.X[0].AsSelected(0, 2).Fill((BFloat16)float.NaN);

        RankThreads.Run(
            CreateGroups(2),
            group =>
            {
                var rank = group.Rank;
                using var decode = LowLatencyBuffer.Create(group, data.BufferOptions);
                using var received = decode.Dispatch(
                    data.X[rank],
                    data.TopkIdx[rank],
                    new LowLatencyDispatchOptions { Format = LowLatencyFormat.Bf16 }
                );
                using var combined = decode.Combine(
                    received.X.As<BFloat16>(),
                    data.TopkIdx[rank],
                    data.TopkWeights[rank],
                    received.Handle
                );
                for (var token = 0; token < combined.X.Shape[0]; token++)
                    float.IsNaN((float)combined.X[token, 7])
                        .Should()
                        .Be(rank == 0 && token is 1 or 2, $"token {token}");

                using var buffer = ThroughputBuffer.Create(
                    group,
                    new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = 128 }
                );
                using var dispatched = buffer.Dispatch(
                    new DispatchInput(data.X[rank], data.TopkIdx[rank], data.TopkWeights[rank])
                    {
                        Experts = Experts,
                    }
                );
                using var returned = buffer.Combine(
                    dispatched.X,
                    dispatched.Handle,
                    new CombineOptions { TopkWeights = dispatched.TopkWeights }
                );
                if (rank == 0)
                    returned.TopkWeights!.ToArray().Should().Equal(data.TopkWeights[0].ToArray());
            }
        );
    }

    [Fact]
    public void Handle_RoutingTableChangedAfterwards_KeepsItsOwn()
    {
        var input = InputOf(0, Routing.MissingInFront);
        var expected = ReferenceExpertParallel.Dispatch([input])[0];

        RankThreads.Run(
            CreateGroups(1),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(
                    group,
                    new ThroughputBufferOptions { MaxTokensPerRank = 6, Hidden = 128 }
                );
                using var received = buffer.Dispatch(input);
                input.TopkIdx!.As<long>().Fill(-1);
                using var again = buffer.DispatchCached(input.X, received.Handle);
                EpData.RequireSameBytes(again.X, expected.X);
            }
        );
    }

    [Fact]
    public void Combine_OutputOverRows_Throws()
    {
        var input = InputOf(0, Routing.OneExpert);

        RankThreads.Run(
            CreateGroups(1),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(
                    group,
                    new ThroughputBufferOptions { MaxTokensPerRank = 6, Hidden = 128 }
                );
                using var received = buffer.Dispatch(input);
                var act = () =>
                    buffer.Combine(
                        received.X,
                        received.Handle,
                        new CombineOptions { Output = received.X }
                    );

                act.Should()
                    .Throw<ArgumentException>()
                    .Which.ParamName.Should()
                    .Be("options.Output");
            }
        );
    }

    private static DispatchInput InputOf(int rank, Routing routing)
    {
        var tokens = routing == Routing.OnlyRankZeroHasTokens && rank > 0 ? 0 : 6;
        var topkIdx = Tensor<long>.Create([tokens, 3]);
        topkIdx.Fill(-1);
        for (var token = 0; token < tokens; token++)
        {
            if (routing != Routing.NoSelections)
                topkIdx[token, 2] = Experts - 1;
            if (routing == Routing.OnlyRankZeroHasTokens)
                topkIdx[token, 0] = token;
            if (routing == Routing.MissingInFront && token % 2 == 0)
                topkIdx[token, 1] = token;
        }
        var weights = Tensor<float>.Create([tokens, 3]);
        weights.Fill(0.5f);
        return new DispatchInput(
            EpData.RandomRows(DType.BFloat16, tokens, 128, seed: rank),
            topkIdx,
            weights
        )
        {
            Experts = Experts,
        };
    }
}
