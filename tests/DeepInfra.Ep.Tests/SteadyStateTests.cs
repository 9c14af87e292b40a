// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Ep;
using DeepInfra.Core;
using DeepInfra.Testing;

namespace DeepInfra.Ep.Tests;

[CollectionDefinition(nameof(SteadyStateTests), DisableParallelization = true)]
public sealed class SteadyStateCollection;

/// <summary>Process-wide counters are read here, so nothing else may run.</summary>
[Collection(nameof(SteadyStateTests))]
public sealed class SteadyStateTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Throughput_WarmWithDisposedResults_AllocatesNothing(bool zeroCopy)
    {
        var inputs = EpData.RandomInputs([16, 12], DType.BFloat16, 256, 8, 2, seed: 1);
        var groups = ExpertParallelGroup.CreateInProcess(
            2,
            new InProcessOptions { ZeroCopy = zeroCopy }
        );
        using var allocation = AllocationMeasure.OfThreads(2);

        RankThreads.Run(
            groups,
            group =>
            {
                using var buffer = ThroughputBuffer.Create(
                    group,
                    new ThroughputBufferOptions { MaxTokensPerRank = 16, Hidden = 256 }
                );
                allocation.Run(() =>
                {
                    using var received = buffer.Dispatch(inputs[group.Rank]);
                    using var handle = received.Handle;
                    using var again = buffer.DispatchCached(inputs[group.Rank].X, handle);
                    using var combined = buffer.Combine(received.X, handle);
                });
            }
        );

        allocation.Least.Should().Be(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LowLatency_WarmWithDisposedResults_AllocatesNothing(bool zeroCopy)
    {
        var data = LowLatencyData.Create(2, 8, 512, 8, 2, seed: 1);
        var groups = ExpertParallelGroup.CreateInProcess(
            2,
            new InProcessOptions { ZeroCopy = zeroCopy }
        );
        using var allocation = AllocationMeasure.OfThreads(2);

        RankThreads.Run(
            groups,
            group =>
            {
                var rank = group.Rank;
                using var buffer = LowLatencyBuffer.Create(group, data.BufferOptions);
                allocation.Run(() =>
                {
                    using var received = buffer.BeginDispatch(data.X[rank], data.TopkIdx[rank]);
                    received.Hook!.Invoke();
                    using var handle = received.Handle;
                    using var combined = buffer.BeginCombine(
                        data.ExpertRows[rank],
                        data.TopkIdx[rank],
                        data.TopkWeights[rank],
                        handle
                    );
                    combined.Hook!.Invoke();
                });
            }
        );

        allocation.Least.Should().Be(0);
    }

    [Fact]
    public void Buffers_CreatedUsedAndDisposed_LeaveNoTensorMemory()
    {
        var inputs = EpData.RandomInputs([4], DType.BFloat16, 64, 8, 2, seed: 1);
        var data = LowLatencyData.Create(1, 4, 128, 8, 2, seed: 1);
        Cycle(inputs[0], data);
        // What earlier tests left behind goes now and not in between.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = TensorMemory.LiveBytes;

        for (var i = 0; i < 1_000; i++)
            Cycle(inputs[0], data);

        TensorMemory.LiveBytes.Should().Be(before);
    }

    private static void Cycle(DispatchInput input, LowLatencyData data)
    {
        using var group = ExpertParallelGroup.CreateInProcess(1)[0];
        using (
            var buffer = ThroughputBuffer.Create(
                group,
                new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = 64 }
            )
        )
        {
            using var received = buffer.Dispatch(input);
            using var combined = buffer.Combine(received.X, received.Handle);
        }
        using var decode = LowLatencyBuffer.Create(group, data.BufferOptions);
        using var decoded = decode.Dispatch(data.X[0], data.TopkIdx[0]);
        using var handle = decoded.Handle;
        using var summed = decode.Combine(
            data.ExpertRows[0],
            data.TopkIdx[0],
            data.TopkWeights[0],
            handle
        );
    }
}
