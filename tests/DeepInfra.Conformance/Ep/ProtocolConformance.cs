// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Ep;

/// <summary>What happens when ranks are fast, slow, wrong or gone, on every transport.</summary>
public abstract class ProtocolConformance
{
    private const int Hidden = 64;
    private const int Tokens = 8;
    private const int Experts = 8;

    protected abstract ExpertParallelGroup[] CreateGroups(int size);

    private static ThroughputBufferOptions Options(double timeoutSeconds = 60) =>
        new()
        {
            MaxTokensPerRank = Tokens,
            Hidden = Hidden,
            Timeout = TimeSpan.FromSeconds(timeoutSeconds),
        };

    private static LowLatencyBufferOptions LowLatencyOptions(
        double timeoutSeconds = 60,
        bool mask = false
    ) =>
        new()
        {
            MaxTokensPerRank = Tokens,
            Hidden = Hidden,
            Experts = Experts,
            Timeout = TimeSpan.FromSeconds(timeoutSeconds),
            EnableRankMask = mask,
        };

    private static DispatchInput[] Inputs(int ranks, int seed = 1) =>
        EpData.RandomInputs(
            [.. Enumerable.Repeat(Tokens, ranks)],
            DType.BFloat16,
            Hidden,
            Experts,
            topK: 2,
            seed
        );

    [Fact]
    public void Operations_ManyWithSlowRanks_DoNotMix() => Iterate(1_000);

    [Fact]
    [Trait("Category", "Slow")]
    public void Operations_HundredThousand_DoNotMix() => Iterate(100_000);

    private void Iterate(int iterations)
    {
        const int ranks = 2;
        var variants = Enumerable.Range(0, 4).Select(v => Inputs(ranks, 100 * v)).ToArray();
        var expected = variants
            .Select(inputs => ReferenceExpertParallel.Dispatch(inputs))
            .Select(d => (d, ReferenceExpertParallel.Combine(d, [.. d.Select(r => r.X)])))
            .ToArray();

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, Options());
                var random = new Random(group.Rank);
                for (var i = 0; i < iterations; i++)
                {
                    if (random.Next(100) == 0)
                        Thread.Sleep(random.Next(3));
                    var variant = i * 7 / 3 % variants.Length;
                    using var received = buffer.Dispatch(variants[variant][group.Rank]);
                    using var handle = received.Handle;
                    using var combined = buffer.Combine(received.X, handle);
                    if (i % 16 > 1)
                        continue;
                    EpData.RequireSameBytes(received.X, expected[variant].d[group.Rank].X);
                    EpData.RequireSameBytes(combined.X, expected[variant].Item2[group.Rank]);
                }
            }
        );
    }

    [Fact]
    public void Dispatch_RankThatSleeps_IsWaitedFor()
    {
        const int ranks = 3;
        var inputs = EpData.RandomInputs([4, 4, 4], DType.BFloat16, Hidden, 9, 2, seed: 2);
        var expected = ReferenceExpertParallel.Dispatch(inputs);

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, Options());
                for (var i = 0; i < 3; i++)
                {
                    if (group.Rank == i)
                        Thread.Sleep(100);
                    using var received = buffer.Dispatch(inputs[group.Rank]);
                    EpData.RequireSameBytes(received.X, expected[group.Rank].X);
                }
            }
        );
    }

    [Fact]
    public void Dispatch_RankThatNeverComes_TimesOutWithRecordAndFaultsBuffer()
    {
        var inputs = Inputs(2);
        var errors = RankThreads.RunAndCatch(
            CreateGroups(2),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, Options(timeoutSeconds: 0.1));
                // The first call may take ten times as long.
                buffer.Dispatch(inputs[group.Rank]).Dispose();
                if (group.Rank == 1)
                {
                    // Stays a member until the other rank has given up.
                    Thread.Sleep(1_500);
                    return;
                }
                var act = () => buffer.Dispatch(inputs[group.Rank]);
                var record = act.Should().Throw<ExpertParallelTimeoutException>().Which.Record!;
                record.Peer.Should().Be(1);
                record.Rank.Should().Be(0);
                record.Operation.Should().Be("Dispatch");
                record.Phase.Should().Be("arrive");
                record.Expected.Should().BeGreaterThan(record.Actual);
                buffer.IsFaulted.Should().BeTrue();
                act.Should().Throw<EpException>().WithMessage("*faulted*");
            }
        );

        errors.Should().OnlyContain(error => error == null);
    }

    [Fact]
    public void Dispatch_RankThatFails_FailsPeersAtOnce()
    {
        var inputs = Inputs(3);
        var errors = RankThreads.RunAndCatch(
            CreateGroups(3),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, Options());
                using var first = buffer.Dispatch(
                    EpData.RandomInputs([3, 3, 3], DType.BFloat16, Hidden, 9, 2, 3)[group.Rank]
                );
                if (group.Rank == 2)
                    throw new InvalidOperationException("dies");
                buffer.Combine(first.X, first.Handle);
            }
        );

        errors[2].Should().BeOfType<InvalidOperationException>();
        errors[0].Should().BeOfType<PeerFailedException>();
        errors[1].Should().BeOfType<PeerFailedException>();
    }

    [Fact]
    public void Dispatch_RanksDisagree_FailsOnAllAndBufferStaysUsable()
    {
        const int ranks = 3;
        var good = EpData.RandomInputs([4, 4, 4], DType.BFloat16, Hidden, 9, 2, seed: 2);
        var wrong = EpData.RandomInputs([4, 4, 4], DType.BFloat16, Hidden / 2, 9, 2, seed: 2);

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, Options());
                var differs = group.Rank == 1;
                using var received = buffer.Dispatch(good[group.Rank]);
                Action[] calls =
                [
                    // Other row length, other options, another operation, another handle.
                    () => buffer.Dispatch((differs ? wrong : good)[group.Rank]),
                    () =>
                        buffer.Dispatch(
                            good[group.Rank],
                            new DispatchOptions { ExpertAlignment = differs ? 8 : 1 }
                        ),
                    () =>
                    {
                        if (differs)
                            buffer.Combine(received.X, received.Handle);
                        else
                            buffer.Dispatch(good[group.Rank]);
                    },
                ];
                foreach (var call in calls)
                {
                    call.Should().Throw<CollectiveMismatchException>().WithMessage("*rank 1*");
                    buffer.IsFaulted.Should().BeFalse();
                    buffer.Dispatch(good[group.Rank]).Dispose();
                }
            }
        );
    }

    [Fact]
    public void DispatchAsync_Cancelled_FaultsBufferAndFailsPeer()
    {
        var inputs = Inputs(2);
        var errors = RankThreads.RunAndCatch(
            CreateGroups(2),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, Options());
                buffer.Dispatch(inputs[group.Rank]).Dispose();
                if (group.Rank == 0)
                {
                    using var cancellation = new CancellationTokenSource(50);
                    var act = async () =>
                        await buffer.DispatchAsync(
                            inputs[0],
                            cancellationToken: cancellation.Token
                        );
                    act.Should().ThrowAsync<OperationCanceledException>().Wait();
                    buffer.IsFaulted.Should().BeTrue();
                    return;
                }
                Thread.Sleep(300);
                buffer.Dispatch(inputs[1]);
            }
        );

        errors[0].Should().BeNull();
        errors[1].Should().BeOfType<PeerFailedException>();
    }

    [Fact]
    public void Buffers_TwoInOneGroup_AreIndependent()
    {
        var inputs = Inputs(2);
        var expected = ReferenceExpertParallel.Dispatch(inputs);

        RankThreads.Run(
            CreateGroups(2),
            group =>
            {
                using var first = ThroughputBuffer.Create(group, Options());
                using var second = ThroughputBuffer.Create(group, Options());
                using var decode = LowLatencyBuffer.Create(group, LowLatencyOptions());
                var asynchronous = new DispatchOptions { Async = true };
                for (var i = 0; i < 20; i++)
                {
                    using var a = first.Dispatch(inputs[group.Rank], asynchronous);
                    using var b = second.Dispatch(inputs[group.Rank]);
                    using var c = decode.Dispatch(
                        inputs[group.Rank].X,
                        inputs[group.Rank].TopkIdx!,
                        new LowLatencyDispatchOptions { Format = LowLatencyFormat.Bf16 }
                    );
                    using var handle = c.Handle;
                    EpData.RequireSameBytes(a.X, expected[group.Rank].X);
                    EpData.RequireSameBytes(b.X, expected[group.Rank].X);
                    c.Count.ToArray().Sum().Should().BeGreaterThan(0);
                }
            }
        );
    }

    [Fact]
    public void BarrierAsync_AfterOperations_CompletesOnAllRanks()
    {
        var inputs = Inputs(4);

        RankThreads.Run(
            CreateGroups(4),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, Options());
                using var decode = LowLatencyBuffer.Create(group, LowLatencyOptions());
                using var pending = buffer.Dispatch(
                    inputs[group.Rank],
                    new DispatchOptions { Async = true }
                );
                buffer.BarrierAsync().AsTask().Wait();
                pending.Event.IsCompleted.Should().BeTrue();
                decode.BarrierAsync().AsTask().Wait();
                decode.Clean();
                group.BarrierAsync().AsTask().Wait();
            }
        );
    }

    [Fact]
    public void LowLatency_RankThatDies_IsMaskedAndLeftOut()
    {
        const int ranks = 4;
        var inputs = Inputs(ranks);
        var format = new LowLatencyDispatchOptions { Format = LowLatencyFormat.Bf16 };

        var errors = RankThreads.RunAndCatch(
            CreateGroups(ranks),
            group =>
            {
                var rank = group.Rank;
                using var buffer = LowLatencyBuffer.Create(group, LowLatencyOptions(mask: true));
                var reasons = new List<RankMaskReason>();
                buffer.Mask.RankMasked += (_, e) => reasons.Add(e.Reason);
                // Rank 1 dies before it dispatches, rank 3 before it combines.
                if (rank == 1)
                    throw new InvalidOperationException("dies");
                using var received = buffer.Dispatch(inputs[rank].X, inputs[rank].TopkIdx!, format);
                buffer.Mask[1].Should().BeTrue();
                for (var expert = 0; expert < Experts / ranks; expert++)
                    ((int)received.Handle.LayoutRange[expert, 1]).Should().Be(0);
                if (rank == 3)
                    throw new InvalidOperationException("dies");
                using var rows = Tensor<BFloat16>.Create([Experts / ranks, ranks * Tokens, Hidden]);
                rows.Fill((BFloat16)1f);
                using var weights = Tensor<float>.Create([Tokens, 2]);
                weights.Fill(1);
                using var combined = buffer.Combine(
                    rows,
                    inputs[rank].TopkIdx!,
                    weights,
                    received.Handle
                );
                buffer.Mask[3].Should().BeTrue();
                for (var token = 0; token < Tokens; token++)
                {
                    var alive = 0;
                    for (var k = 0; k < 2; k++)
                        alive +=
                            inputs[rank].TopkIdx!.As<long>()[token, k] / (Experts / ranks) % 2 == 0
                                ? 1
                                : 0;
                    ((float)combined.X[token, 0]).Should().Be(alive);
                }
                var mask = new int[ranks];
                buffer.Mask.Snapshot(mask);
                mask.Should().Equal(0, 1, 0, 1);
                reasons.Should().HaveCount(2);
                buffer.Clean();
                buffer.IsFaulted.Should().BeFalse();
            }
        );

        errors[0].Should().BeNull();
        errors[2].Should().BeNull();
    }

    [Fact]
    public void LowLatency_RankThatDoesNotCome_IsMaskedAfterTimeout()
    {
        var inputs = Inputs(2);
        var format = new LowLatencyDispatchOptions { Format = LowLatencyFormat.Bf16 };

        RankThreads.Run(
            CreateGroups(2),
            group =>
            {
                using var buffer = LowLatencyBuffer.Create(
                    group,
                    LowLatencyOptions(timeoutSeconds: 0.1, mask: true)
                );
                using var first = buffer.Dispatch(
                    inputs[group.Rank].X,
                    inputs[group.Rank].TopkIdx!,
                    format
                );
                if (group.Rank == 1)
                {
                    Thread.Sleep(1_000);
                    return;
                }
                var reason = RankMaskReason.Requested;
                buffer.Mask.RankMasked += (_, e) => reason = e.Reason;
                using var second = buffer.Dispatch(inputs[0].X, inputs[0].TopkIdx!, format);

                buffer.Mask[1].Should().BeTrue();
                reason.Should().Be(RankMaskReason.Timeout);
            }
        );
    }

    [Fact]
    public void LowLatency_RankThatDoesNotComeWithoutMask_Fails()
    {
        var inputs = Inputs(2);
        var format = new LowLatencyDispatchOptions { Format = LowLatencyFormat.Bf16 };

        RankThreads.Run(
            CreateGroups(2),
            group =>
            {
                using var buffer = LowLatencyBuffer.Create(
                    group,
                    LowLatencyOptions(timeoutSeconds: 0.1)
                );
                using var first = buffer.Dispatch(
                    inputs[group.Rank].X,
                    inputs[group.Rank].TopkIdx!,
                    format
                );
                if (group.Rank == 1)
                {
                    Thread.Sleep(1_000);
                    return;
                }
                using var second = buffer.BeginDispatch(inputs[0].X, inputs[0].TopkIdx!, format);
                var act = () => second.Hook!.Invoke();

                act.Should()
                    .Throw<ExpertParallelTimeoutException>()
                    .Which.Record!.Phase.Should()
                    .Be("receive");
                buffer.IsFaulted.Should().BeTrue();
            }
        );
    }

    [Fact]
    public void LowLatency_RanksDisagree_FailsOnAllAndBufferStaysUsable()
    {
        var inputs = Inputs(2);

        RankThreads.Run(
            CreateGroups(2),
            group =>
            {
                var options = LowLatencyOptions() with { Hidden = 128 };
                using var buffer = LowLatencyBuffer.Create(group, options);
                using var x = EpData.RandomRows(DType.BFloat16, Tokens, 128, 1);
                var topkIdx = inputs[group.Rank].TopkIdx!;
                var own = new LowLatencyDispatchOptions
                {
                    Format = group.Rank == 0 ? LowLatencyFormat.Fp8 : LowLatencyFormat.Bf16,
                };
                for (var i = 0; i < 3; i++)
                {
                    var act = () => buffer.Dispatch(x, topkIdx, own);
                    act.Should().Throw<CollectiveMismatchException>();
                    using var received = buffer.Dispatch(x, topkIdx);
                    received.Handle.Dispose();
                }
                buffer.IsFaulted.Should().BeFalse();
            }
        );
    }

    [Fact]
    public void LowLatency_WaitStats_CountTheSlowRank()
    {
        var inputs = Inputs(2);

        RankThreads.Run(
            CreateGroups(2),
            group =>
            {
                using var buffer = LowLatencyBuffer.Create(group, LowLatencyOptions());
                using var waits = Tensor<long>.Create([2]);
                using var experts = Tensor<int>.Create([Experts / 2]);
                var options = new LowLatencyDispatchOptions
                {
                    Format = LowLatencyFormat.Bf16,
                    WaitStats = waits,
                    ExpertStats = experts,
                };
                if (group.Rank == 1)
                    Thread.Sleep(300);
                using var received = buffer.Dispatch(
                    inputs[group.Rank].X,
                    inputs[group.Rank].TopkIdx!,
                    options
                );

                experts.ToArray().Should().Equal(received.Count.ToArray());
                if (group.Rank == 0)
                    waits[1].Should().BeGreaterThan(waits[0]);
            }
        );
    }
}
