// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;
using DeepInfra.Conformance.Ep;
using DeepInfra.Core;

namespace DeepInfra.Ep.Tests;

public sealed class ExpertParallelGroupTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1025)]
    public void CreateInProcess_SizeOutOfRange_Throws(int size)
    {
        var act = () => ExpertParallelGroup.CreateInProcess(size);

        act.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void CreateInProcess_BadOptions_Throws()
    {
        var domains = () =>
            ExpertParallelGroup.CreateInProcess(4, new InProcessOptions { Domains = 3 });
        var threads = () =>
            ExpertParallelGroup.CreateInProcess(4, new InProcessOptions { ThreadsPerRank = -1 });

        domains.Should().Throw<ArgumentException>();
        threads.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task CreateInProcess_LargestGroup_Meets()
    {
        var groups = ExpertParallelGroup.CreateInProcess(EpTopology.MaxRanks);

        var token = TestContext.Current.CancellationToken;
        await Task.WhenAll(
            groups.Select(group => group.BarrierAsync(cancellationToken: token).AsTask())
        );

        groups[^1].Rank.Should().Be(1023);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(8)]
    public void Topology_DomainsThatDoNotDivideTheRanks_Throw(int domains)
    {
        using var group = ExpertParallelGroup.CreateInProcess(4)[0];

        var act = () => group.Topology.Override(domains);

        act.Should().Throw<ArgumentException>().WithMessage($"domainCount: *4, got {domains}*");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ThreadsPerRank_AnyNumber_GivesTheSameBytes(int threads)
    {
        // Enough tokens that a rank uses more than one thread.
        var inputs = EpData.RandomInputs([600, 333], DType.BFloat16, 256, 16, 4, 5, missing: 0.2);
        var expected = ReferenceExpertParallel.Dispatch(inputs);
        var sums = ReferenceExpertParallel.Combine(expected, [.. expected.Select(d => d.X)]);
        foreach (var zeroCopy in new[] { true, false })
            RankThreads.Run(
                ExpertParallelGroup.CreateInProcess(
                    2,
                    new InProcessOptions { ThreadsPerRank = threads, ZeroCopy = zeroCopy }
                ),
                group =>
                {
                    using var buffer = ThroughputBuffer.Create(
                        group,
                        new ThroughputBufferOptions { MaxTokensPerRank = 600, Hidden = 256 }
                    );
                    using var received = buffer.Dispatch(inputs[group.Rank]);
                    EpData.RequireSameBytes(received.X, expected[group.Rank].X);
                    using var combined = buffer.Combine(received.X, received.Handle);
                    EpData.RequireSameBytes(combined.X, sums[group.Rank]);
                }
            );
    }

    [Fact]
    public void CreateInProcess_Groups_KnowTheirPlace()
    {
        var groups = ExpertParallelGroup.CreateInProcess(4, new InProcessOptions { Domains = 2 });

        groups.Select(group => group.Rank).Should().Equal(0, 1, 2, 3);
        groups[3].Size.Should().Be(4);
        groups[3].Topology.DomainOf(3).Should().Be(1);
        groups[3].Topology.Override(4).DomainOf(3).Should().Be(3);
        groups[3].Generation.Should().Be(0);
        groups[3].FailedRanks.Should().BeEmpty();
        groups[1].Dispose();
        groups[3].FailedRanks.Should().Equal(1);
    }

    [Fact]
    public async Task AllGatherAndBroadcast_GiveEveryRankTheBytes()
    {
        var groups = ExpertParallelGroup.CreateInProcess(3);

        var gathered = await Task.WhenAll(
            groups.Select(group => group.AllGatherAsync(new byte[group.Rank + 1]).AsTask())
        );
        var sent = await Task.WhenAll(
            groups.Select(group => group.BroadcastAsync(new[] { (byte)group.Rank }, 2).AsTask())
        );

        foreach (var all in gathered)
            all.Select(bytes => bytes.Length).Should().Equal(1, 2, 3);
        sent.Select(bytes => bytes.Span[0]).Should().Equal(2, 2, 2);
        var badRoot = async () => await groups[0].BroadcastAsync(default, 3);
        await badRoot.Should().ThrowAsync<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task BarrierAsync_RankMissing_TimesOut()
    {
        var groups = ExpertParallelGroup.CreateInProcess(2);

        var act = async () => await groups[0].BarrierAsync(TimeSpan.FromMilliseconds(20));

        (await act.Should().ThrowAsync<ExpertParallelTimeoutException>())
            .Which.Record!.Peer.Should()
            .Be(1);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public async Task BarrierAsync_TimeoutWithoutLimit_IsNoOverflow(long ticks)
    {
        var groups = ExpertParallelGroup.CreateInProcess(2);
        var timeout = ticks < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks(ticks);

        var token = TestContext.Current.CancellationToken;
        var both = groups.Select(group => group.BarrierAsync(timeout, token).AsTask()).ToArray();

        await Task.WhenAll(both);
    }

    [Fact]
    public async Task BarrierAsync_RankLeaves_Fails()
    {
        var groups = ExpertParallelGroup.CreateInProcess(3);
        var token = TestContext.Current.CancellationToken;
        var waiting = groups[0].BarrierAsync(cancellationToken: token).AsTask();
        var other = groups[1].BarrierAsync(cancellationToken: token).AsTask();
        await groups[2].DisposeAsync();

        var act = () => waiting;

        (await act.Should().ThrowAsync<PeerFailedException>()).Which.Ranks.Should().Equal(2);
        var late = async () => await other;
        await late.Should().ThrowAsync<PeerFailedException>();
        var disposed = async () => await groups[2].BarrierAsync();
        await disposed.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task BarrierAsync_Cancelled_Throws()
    {
        var groups = ExpertParallelGroup.CreateInProcess(2);
        using var cancellation = new CancellationTokenSource(10);

        var act = async () => await groups[0].BarrierAsync(cancellationToken: cancellation.Token);

        await act.Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public void Create_RanksAskForDifferentSizes_Throws()
    {
        var groups = ExpertParallelGroup.CreateInProcess(
            2,
            new InProcessOptions { ZeroCopy = false }
        );
        using var first = ThroughputBuffer.Create(
            groups[0],
            new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = 64 }
        );

        var act = () =>
            ThroughputBuffer.Create(
                groups[1],
                new ThroughputBufferOptions { MaxTokensPerRank = 5, Hidden = 64 }
            );

        act.Should().Throw<EpException>().WithMessage("*disagree*");
    }

    [Fact]
    public void GetDispatchLayout_OneDomain_HasNoDomainCounts()
    {
        using var group = ExpertParallelGroup.CreateInProcess(1)[0];
        using var buffer = ThroughputBuffer.Create(
            group,
            new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = 64 }
        );
        using var none = Tensor<long>.Create([0, 3]);

        using var layout = buffer.GetDispatchLayout(none, 8);

        layout.TokensPerDomain.Should().BeNull();
        layout.TokensPerRank.ToArray().Should().Equal(0);
        layout.TokensPerExpert.ToArray().Should().OnlyContain(count => count == 0);
        layout.IsTokenInRank.ElementCount.Should().Be(0);
    }

    [Fact]
    public void GetDispatchLayout_BadArguments_NameTheArgument()
    {
        using var group = ExpertParallelGroup.CreateInProcess(2)[0];
        using var buffer = ThroughputBuffer.Create(
            group,
            new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = 64 }
        );
        using var good = Tensor<long>.Create([3, 1]);
        using var vector = Tensor<long>.Create([3]);
        using var shorts = Tensor<short>.Create([3, 1]);
        using var strided = Tensor<long>.Create([2, 3]);
        using var negative = Tensor<long>.FromSpan([0, -2], [2, 1]);
        using var twice = Tensor<long>.FromSpan([4, 4], [1, 2]);

        Named(null!, 8, "topkIdx");
        Named(vector, 8, "topkIdx");
        Named(shorts, 8, "topkIdx");
        Named(strided.AsTransposed(), 8, "topkIdx");
        Named(good, 0, "experts");
        Named(good, 7, "experts");
        Named(good, 4096, "experts");
        foreach (var bad in new[] { negative, twice })
            buffer
                .Invoking(b => b.GetDispatchLayout(bad, 8))
                .Should()
                .Throw<InvalidRoutingException>();

        void Named(Tensor topkIdx, int experts, string name) =>
            buffer
                .Invoking(b => b.GetDispatchLayout(topkIdx, experts))
                .Should()
                .Throw<ArgumentException>()
                .Which.ParamName.Should()
                .Be(name);
    }

    [Fact]
    public void GetDispatchLayout_TwoDomains_CountsTokensOncePerDomain()
    {
        var group = ExpertParallelGroup.CreateInProcess(4, new InProcessOptions { Domains = 2 })[0];
        using var buffer = ThroughputBuffer.Create(
            group,
            new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = 64 }
        );
        using var topkIdx = Tensor<int>.FromSpan([0, 3, 1, -1, -1, -1, 7, 2, 0, 5, 6, 7], [4, 3]);

        using var layout = buffer.GetDispatchLayout(topkIdx, 8);

        layout.TokensPerRank.ToArray().Should().Equal(2, 2, 1, 2);
        layout.TokensPerDomain!.ToArray().Should().Equal(2, 2);
        layout.TokensPerExpert.ToArray().Should().Equal(2, 1, 1, 1, 0, 1, 1, 2);
        layout
            .IsTokenInRank.ToArray()
            .Should()
            .Equal(
                true,
                true,
                false,
                false,
                false,
                false,
                false,
                false,
                true,
                true,
                false,
                true,
                false,
                false,
                true,
                true
            );
    }

    [Fact]
    public void Operations_AreCountedByTheMeter()
    {
        var counts = new Dictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "DeepInfra.Ep")
                l.EnableMeasurementEvents(instrument);
        };
        var thread = Environment.CurrentManagedThreadId;
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) =>
            {
                if (Environment.CurrentManagedThreadId != thread)
                    return;
                var key = $"{instrument.Name}/{tags[0].Value}";
                counts[key] = counts.GetValueOrDefault(key) + value;
            }
        );
        listener.Start();
        using var group = ExpertParallelGroup.CreateInProcess(1)[0];
        var inputs = EpData.RandomInputs([4], DType.BFloat16, 64, 8, 2, seed: 1);
        using var buffer = ThroughputBuffer.Create(
            group,
            new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = 64 }
        );
        using var received = buffer.Dispatch(inputs[0]);
        using var combined = buffer.Combine(received.X, received.Handle);
        var data = LowLatencyData.Create(1, 4, 128, 8, 2, seed: 1);
        using var decode = LowLatencyBuffer.Create(group, data.BufferOptions);
        using var decoded = decode.Dispatch(data.X[0], data.TopkIdx[0]);

        counts["deepinfra.ep.dispatch.calls/throughput"].Should().Be(1);
        counts["deepinfra.ep.dispatch.bytes/throughput"].Should().Be(4 * 64 * 2);
        counts["deepinfra.ep.combine.calls/throughput"].Should().Be(1);
        counts["deepinfra.ep.combine.bytes/throughput"].Should().Be(4 * 64 * 2);
        counts["deepinfra.ep.dispatch.calls/low-latency"].Should().Be(1);
    }
}
