// SPDX-License-Identifier: MIT
using DeepInfra.Ep;
using Xunit;

namespace DeepInfra.Conformance.Ep;

/// <summary>What every transport must do in low-latency mode. A transport derives one class.</summary>
public abstract class LowLatencyConformance
{
    protected abstract ExpertParallelGroup[] CreateGroups(int size);

    public static TheoryData<int, int, int, int, int, LowLatencyFormat> Shapes() =>
        new()
        {
            // ranks, tokens, hidden, experts, K, format
            { 1, 8, 256, 4, 2, LowLatencyFormat.Bf16 },
            { 1, 1, 512, 1, 1, LowLatencyFormat.Fp8Ue8m0 },
            { 2, 16, 2048, 8, 2, LowLatencyFormat.Bf16 },
            { 2, 16, 2048, 8, 2, LowLatencyFormat.Fp8 },
            { 2, 5, 1024, 32, 8, LowLatencyFormat.Fp8PowerOfTwo },
            { 4, 16, 512, 64, 9, LowLatencyFormat.Fp8Ue8m0 },
            { 8, 7, 256, 64, 8, LowLatencyFormat.Fp8 },
            { 8, 3, 200, 16, 4, LowLatencyFormat.Bf16 },
        };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Dispatch_RandomRouting_MatchesReference(
        int ranks,
        int tokens,
        int hidden,
        int experts,
        int topK,
        LowLatencyFormat format
    )
    {
        var data = LowLatencyData.Create(ranks, tokens, hidden, experts, topK, seed: 3);
        var layout = ReferenceExpertParallel.LowLatencyDispatch(data.TopkIdx, experts);

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                using var buffer = LowLatencyBuffer.Create(group, data.BufferOptions);
                var options = new LowLatencyDispatchOptions { Format = format };
                for (var repeat = 0; repeat < 5; repeat++)
                {
                    var x = data.X[group.Rank];
                    using var received =
                        repeat % 2 == 0
                            ? buffer.Dispatch(x, data.TopkIdx[group.Rank], options)
                            : buffer.BeginDispatch(x, data.TopkIdx[group.Rank], options);
                    received.Hook?.Invoke();
                    using var handle = received.Handle;
                    LowLatencyData.CheckReceived(received, layout[group.Rank], data, format);
                }
            }
        );
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Combine_RandomRouting_MatchesReference(bool zeroCopy, bool withHook)
    {
        const int ranks = 4;
        const int experts = 16;
        var data = LowLatencyData.Create(ranks, tokens: 9, hidden: 512, experts, topK: 4, seed: 5);
        var expected = ReferenceExpertParallel.LowLatencyCombine(
            data.ExpertRows,
            data.TopkIdx,
            data.TopkWeights,
            experts
        );

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                var rank = group.Rank;
                using var buffer = LowLatencyBuffer.Create(group, data.BufferOptions);
                for (var repeat = 0; repeat < 5; repeat++)
                {
                    using var received = buffer.Dispatch(data.X[rank], data.TopkIdx[rank]);
                    using var handle = received.Handle;
                    var rows = data.ExpertRows[rank];
                    if (zeroCopy)
                    {
                        var target = buffer.NextCombineBuffer(handle);
                        rows.CopyTo(target);
                        rows = target;
                    }
                    var options = new LowLatencyCombineOptions { ZeroCopy = zeroCopy };
                    using var combined = withHook
                        ? buffer.BeginCombine(
                            rows,
                            data.TopkIdx[rank],
                            data.TopkWeights[rank],
                            handle,
                            options
                        )
                        : buffer.Combine(
                            rows,
                            data.TopkIdx[rank],
                            data.TopkWeights[rank],
                            handle,
                            options
                        );
                    combined.Hook?.Invoke();
                    EpData.RequireSameBytes(combined.X, expected[rank]);
                }
            }
        );
    }

    [Fact]
    public void Operations_TwoMicroBatchesInFlight_DoNotMix()
    {
        const int ranks = 4;
        const int experts = 8;
        var first = LowLatencyData.Create(ranks, tokens: 6, hidden: 256, experts, topK: 2, seed: 7);
        var second = LowLatencyData.Create(
            ranks,
            tokens: 6,
            hidden: 256,
            experts,
            topK: 2,
            seed: 8
        );
        var batches = new[] { first, second };
        var expected = batches
            .Select(b =>
                ReferenceExpertParallel.LowLatencyCombine(
                    b.ExpertRows,
                    b.TopkIdx,
                    b.TopkWeights,
                    experts
                )
            )
            .ToArray();

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                var rank = group.Rank;
                using var buffer = LowLatencyBuffer.Create(group, first.BufferOptions);
                for (var repeat = 0; repeat < 50; repeat++)
                {
                    // Some ranks run ahead of the others.
                    if ((repeat + rank) % 7 == 0)
                        Thread.Sleep(1);
                    using var d0 = buffer.BeginDispatch(first.X[rank], first.TopkIdx[rank]);
                    using var d1 = buffer.BeginDispatch(second.X[rank], second.TopkIdx[rank]);
                    d0.Hook!.Invoke();
                    using var c0 = Combine(buffer, first, d0, rank);
                    d1.Hook!.Invoke();
                    using var c1 = Combine(buffer, second, d1, rank);
                    // Hooks may run in any order.
                    c1.Hook!.Invoke();
                    c0.Hook!.Invoke();
                    EpData.RequireSameBytes(c0.X, expected[0][rank]);
                    EpData.RequireSameBytes(c1.X, expected[1][rank]);
                    d0.Handle.Dispose();
                    d1.Handle.Dispose();
                }
            }
        );

        static LowLatencyCombineResult Combine(
            LowLatencyBuffer buffer,
            LowLatencyData data,
            LowLatencyDispatchResult received,
            int rank
        ) =>
            buffer.BeginCombine(
                data.ExpertRows[rank],
                data.TopkIdx[rank],
                data.TopkWeights[rank],
                received.Handle
            );
    }
}
