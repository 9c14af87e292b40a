// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Ep;

/// <summary>The options of throughput dispatch and combine, on every transport.</summary>
public abstract class ThroughputFeatureConformance
{
    private const int Ranks = 4;
    private const int Tokens = 37;
    private const int Hidden = 256;
    private const int Experts = 32;
    private const int TopK = 4;

    private static readonly int[] s_tokens = [Tokens, 0, 20, 1];

    protected abstract ExpertParallelGroup[] CreateGroups(int size);

    private static ThroughputBufferOptions BufferOptions { get; } =
        new()
        {
            MaxTokensPerRank = Tokens,
            Hidden = Hidden,
            LargestElement = DType.Float32,
        };

    private static DispatchInput[] Inputs(DType dtype, int seed = 11) =>
        EpData.RandomInputs(s_tokens, dtype, Hidden, Experts, TopK, seed, missing: 0.15);

    [Theory]
    [InlineData(ScaleFactorLayout.RowMajor, false)]
    [InlineData(ScaleFactorLayout.TmaColumnMajor, false)]
    [InlineData(ScaleFactorLayout.TmaColumnMajor, true)]
    public void Dispatch_Fp8WithStridedScales_KeepsBits(ScaleFactorLayout layout, bool packed)
    {
        var inputs = Inputs(DType.Float8E4M3);
        for (var rank = 0; rank < Ranks; rank++)
        {
            // Columns of scales lie apart, as a GEMM's quantiser leaves them.
            Tensor scales = packed
                ? ColumnMajorInts(s_tokens[rank], 2, rank)
                : EpData.RandomRows(DType.Float32, 2, s_tokens[rank], rank).AsTransposed();
            inputs[rank] = inputs[rank] with { ScaleFactors = scales };
        }
        var expected = ReferenceExpertParallel.Dispatch(inputs);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(
                    inputs[group.Rank],
                    new DispatchOptions { ScaleFactorLayout = layout }
                );

                EpData.RequireSameBytes(received.X, expected[group.Rank].X);
                EpData.RequireSameBytes(received.ScaleFactors!, expected[group.Rank].ScaleFactors!);
                if (layout == ScaleFactorLayout.TmaColumnMajor)
                {
                    received.ScaleFactors!.Strides[0].Should().Be(1);
                    received.ScaleFactors.Strides[1].Should().Be((received.RowCount + 3) / 4 * 4);
                }
            }
        );
    }

    [Fact]
    public void DispatchCached_WithWeights_SendsSameRowsToSamePlaces()
    {
        var inputs = Inputs(DType.Float8E4M3);
        var expected = ReferenceExpertParallel.Dispatch(inputs);
        var gradients = Inputs(DType.Float32, seed: 12);
        var expectedGradients = ReferenceExpertParallel.Dispatch([
            .. gradients.Select((g, rank) => g with { TopkIdx = inputs[rank].TopkIdx }),
        ]);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(inputs[group.Rank]);
                using var handle = received.Handle;
                for (var repeat = 0; repeat < 3; repeat++)
                {
                    using var again = buffer.DispatchCached(inputs[group.Rank].X, handle);
                    EpData.RequireSameBytes(again.X, expected[group.Rank].X);
                    again.TopkIdx.Should().BeNull();
                    again.TopkWeights.Should().BeNull();
                    again.TokensPerExpert.Should().BeEmpty();

                    using var gradient = buffer.DispatchCached(
                        gradients[group.Rank] with
                        {
                            TopkIdx = null,
                            Experts = 0,
                        },
                        handle
                    );
                    EpData.RequireSameBytes(gradient.X, expectedGradients[group.Rank].X);
                    gradient
                        .TopkWeights!.ToArray()
                        .Should()
                        .Equal(expectedGradients[group.Rank].TopkWeights!.ToArray());
                }
            }
        );
    }

    [Theory]
    [InlineData(DType.BFloat16, 1)]
    [InlineData(DType.BFloat16, 2)]
    [InlineData(DType.Float32, 2)]
    [InlineData(DType.Float16, 2)]
    public void Combine_Biases_AreAddedFirst(DType dtype, int biases)
    {
        var inputs = Inputs(dtype);
        var dispatched = ReferenceExpertParallel.Dispatch(inputs);
        var rows = dispatched.Select(d => d.X).ToArray();
        var bias0 = s_tokens
            .Select((t, r) => EpData.RandomRows(dtype, t, Hidden, 70 + r))
            .ToArray();
        var bias1 =
            biases == 2
                ? s_tokens.Select((t, r) => EpData.RandomRows(dtype, t, Hidden, 80 + r)).ToArray()
                : null;
        var expected = ReferenceExpertParallel.Combine(dispatched, rows, bias0, bias1);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(inputs[group.Rank]);
                using var output = Tensor.Create(dtype, [s_tokens[group.Rank], Hidden]);
                using var combined = buffer.Combine(
                    rows[group.Rank],
                    received.Handle,
                    new CombineOptions
                    {
                        Bias0 = bias0[group.Rank],
                        Bias1 = bias1?[group.Rank],
                        Output = output,
                    }
                );

                combined.X.Should().BeSameAs(output);
                combined.TopkWeights.Should().BeNull();
                EpData.RequireSameBytes(output, expected[group.Rank]);
            }
        );
    }

    [Fact]
    public void Dispatch_WorstCase_HasFixedRowsAndMarksUnusedOnes()
    {
        const int worst = Ranks * Tokens;
        var inputs = Inputs(DType.BFloat16);
        var expected = ReferenceExpertParallel.Dispatch(inputs);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(
                    inputs[group.Rank],
                    new DispatchOptions { WorstCaseTokens = worst }
                );

                var rows = expected[group.Rank].Sources.Count;
                received.RowCount.Should().Be(rows);
                received.X.Shape[0].Should().Be(worst);
                received.TokensPerExpert.Should().BeEmpty();
                EpData.RequireSameBytes(received.X.AsSlice(0, 0, rows), expected[group.Rank].X);
                received
                    .TopkIdx!.AsSlice(0, rows, worst - rows)
                    .As<long>()
                    .ToArray()
                    .Should()
                    .OnlyContain(index => index == -1);
                // Combine takes the worst-case tensor and ignores the rows behind.
                using var combined = buffer.Combine(received.X, received.Handle);
                combined.X.Shape[0].Should().Be(s_tokens[group.Rank]);
            }
        );
    }

    [Fact]
    public void Dispatch_MoreRowsThanWorstCase_FailsOnAllRanksAndBufferStaysUsable()
    {
        var inputs = Inputs(DType.BFloat16);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                var act = () =>
                    buffer.Dispatch(
                        inputs[group.Rank],
                        new DispatchOptions { WorstCaseTokens = 3 }
                    );

                act.Should().Throw<BufferTooSmallException>().Which.Available.Should().Be(3);
                buffer.IsFaulted.Should().BeFalse();
                using var received = buffer.Dispatch(inputs[group.Rank]);
                received.RowCount.Should().BeGreaterThan(0);
            }
        );
    }

    [Fact]
    public void Dispatch_LayoutWithoutRouting_SendsRowsOnly()
    {
        var inputs = Inputs(DType.BFloat16);
        var expected = ReferenceExpertParallel.Dispatch(inputs);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                var input = inputs[group.Rank];
                using var layout = buffer.GetDispatchLayout(input.TopkIdx!, Experts);
                using var received = buffer.Dispatch(
                    new DispatchInput(input.X) { Experts = Experts, Layout = layout }
                );

                EpData.RequireSameBytes(received.X, expected[group.Rank].X);
                received.TopkIdx.Should().BeNull();
                received.TopkWeights.Should().BeNull();
                received.TokensPerExpert.Should().Equal(expected[group.Rank].TokensPerExpert);
                using var combined = buffer.Combine(received.X, received.Handle);
                using var withRouting = buffer.Dispatch(input with { Layout = layout });
                using var combinedAgain = buffer.Combine(withRouting.X, withRouting.Handle);
                EpData.RequireSameBytes(combined.X, combinedAgain.X);
            }
        );
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(128)]
    public void Dispatch_ExpertAlignment_RoundsCountsUp(int alignment)
    {
        var inputs = Inputs(DType.BFloat16);
        var expected = ReferenceExpertParallel.Dispatch(inputs, alignment);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(
                    inputs[group.Rank],
                    new DispatchOptions { ExpertAlignment = alignment }
                );

                received.TokensPerExpert.Should().Equal(expected[group.Rank].TokensPerExpert);
                received.Handle.ExpertAlignment.Should().Be(alignment);
            }
        );
    }

    [Fact]
    public void Dispatch_Int32RoutingAndPaddedRows_MatchesReference()
    {
        var inputs = Inputs(DType.BFloat16);
        for (var rank = 0; rank < Ranks; rank++)
        {
            var wide = inputs[rank].TopkIdx!.As<long>();
            var narrow = Tensor<int>.Create([s_tokens[rank], TopK + 3]).AsSlice(1, 2, TopK);
            var padded = Tensor<BFloat16>
                .Create([s_tokens[rank], Hidden + 24])
                .AsSlice(1, 8, Hidden);
            inputs[rank].X.As<BFloat16>().CopyTo(padded);
            for (var token = 0; token < s_tokens[rank]; token++)
            for (var k = 0; k < TopK; k++)
                narrow[token, k] = (int)wide[token, k];
            inputs[rank] = inputs[rank] with { X = padded, TopkIdx = narrow };
        }
        var expected = ReferenceExpertParallel.Dispatch(inputs);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(inputs[group.Rank]);

                EpData.RequireSameBytes(received.X, expected[group.Rank].X);
                received
                    .TopkIdx!.As<int>()
                    .ToArray()
                    .Should()
                    .Equal(expected[group.Rank].TopkIdx!.ToArray().Select(index => (int)index));
            }
        );
    }

    [Fact]
    public void Async_EventsAndOverlap_GiveSameResults()
    {
        var inputs = Inputs(DType.Float32);
        var other = Inputs(DType.Float32, seed: 21);
        var expected = ReferenceExpertParallel.Dispatch(inputs);
        var expectedOther = ReferenceExpertParallel.Dispatch(other);
        var asynchronous = new DispatchOptions { Async = true };

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                for (var repeat = 0; repeat < 20; repeat++)
                {
                    // Two micro-batches in flight, the second behind an event; a synchronous call queues up.
                    var gate = new TaskCompletionSource();
                    using var after = EpEvent.FromTask(gate.Task);
                    using var first = buffer.Dispatch(inputs[group.Rank], asynchronous);
                    using var second = buffer.Dispatch(
                        other[group.Rank],
                        asynchronous with
                        {
                            After = after,
                        }
                    );
                    first.Event.Wait();
                    EpData.RequireSameBytes(first.X, expected[group.Rank].X);
                    second.Event.IsCompleted.Should().BeFalse();
                    gate.SetResult();
                    using var combined = buffer.Combine(first.X, first.Handle);
                    EpData.RequireSameBytes(second.X, expectedOther[group.Rank].X);
                    using var pending = buffer.Combine(
                        second.X,
                        second.Handle,
                        new CombineOptions { Async = true }
                    );
                    pending.Event.AsTask().Wait(TimeSpan.FromSeconds(60)).Should().BeTrue();
                    pending.X.Shape[0].Should().Be(s_tokens[group.Rank]);
                }
            }
        );
    }

    [Fact]
    public void Combine_OfDispatch_IsItsAdjoint()
    {
        var inputs = Inputs(DType.Float32);
        var gradients = ReferenceExpertParallel
            .Dispatch(inputs)
            .Select((d, rank) => EpData.RandomRows(DType.Float32, d.X.Shape[0], Hidden, 90 + rank))
            .ToArray();
        var (forward, backward) = (new double[Ranks], new double[Ranks]);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(inputs[group.Rank]);
                using var gradient = buffer.Combine(gradients[group.Rank], received.Handle);
                forward[group.Rank] = Dot(received.X, gradients[group.Rank]);
                backward[group.Rank] = Dot(inputs[group.Rank].X, gradient.X);
            }
        );

        forward.Sum().Should().BeApproximately(backward.Sum(), 1e-3);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Combine_OfUnchangedRows_IsTokenTimesItsRanks(int ranks)
    {
        var tokens = Enumerable.Repeat(16, ranks).ToArray();
        var inputs = EpData.RandomInputs(tokens, DType.BFloat16, Hidden, 64, 8, seed: 31);
        // Small integers: sums over eight ranks are exact in BFloat16.
        for (var rank = 0; rank < ranks; rank++)
            inputs[rank].X.As<BFloat16>().Fill((BFloat16)(rank + 1f));

        RankThreads.Run(
            CreateGroups(ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(inputs[group.Rank]);
                for (var source = 0; source < ranks; source++)
                for (
                    var row = received.Handle.RankPrefix[source];
                    row < received.Handle.RankPrefix[source + 1];
                    row++
                )
                    ((float)received.X.As<BFloat16>()[row, 5]).Should().Be(source + 1);
                using var layout = buffer.GetDispatchLayout(inputs[group.Rank].TopkIdx!, 64);
                using var combined = buffer.Combine(received.X, received.Handle);
                for (var token = 0; token < 16; token++)
                {
                    var copies = 0;
                    for (var rank = 0; rank < ranks; rank++)
                        copies += layout.IsTokenInRank[token, rank] ? 1 : 0;
                    ((float)combined.X.As<BFloat16>()[token, 9])
                        .Should()
                        .Be(copies * (group.Rank + 1));
                }
            }
        );
    }

    [Fact]
    public void Dispatch_NothingSelectedAnywhere_ReceivesNothing()
    {
        var inputs = Inputs(DType.BFloat16);
        for (var rank = 0; rank < Ranks; rank++)
            inputs[rank].TopkIdx!.As<long>().Fill(-1);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                using var received = buffer.Dispatch(inputs[group.Rank]);
                using var bias = EpData.RandomRows(DType.BFloat16, s_tokens[group.Rank], Hidden, 1);
                using var combined = buffer.Combine(received.X, received.Handle);
                using var biased = buffer.Combine(
                    received.X,
                    received.Handle,
                    new CombineOptions { Bias0 = bias }
                );

                received.RowCount.Should().Be(0);
                combined.X.As<BFloat16>().ToArray().Should().NotContain(v => v.Bits != 0);
                EpData.RequireSameBytes(biased.X, bias);
            }
        );
    }

    [Fact]
    public void Combine_NaNRow_AffectsItsTokenOnly()
    {
        var inputs = Inputs(DType.BFloat16);

        RankThreads.Run(
            CreateGroups(Ranks),
            group =>
            {
                using var buffer = ThroughputBuffer.Create(group, BufferOptions);
                if (group.Rank == 0)
                    inputs[0].X.As<BFloat16>().AsSelected(0, 3).Fill((BFloat16)float.NaN);
                using var received = buffer.Dispatch(inputs[group.Rank]);
                using var combined = buffer.Combine(received.X, received.Handle);
                for (var token = 0; token < s_tokens[group.Rank]; token++)
                    float.IsNaN((float)combined.X.As<BFloat16>()[token, 0])
                        .Should()
                        .Be(group.Rank == 0 && token == 3);
            }
        );
    }

    private static Tensor<int> ColumnMajorInts(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        var memory = Tensor<int>.Create([columns, rows]);
        foreach (ref var value in memory.AsSpan())
            value = random.Next();
        return memory.AsTransposed();
    }

    private static double Dot(Tensor left, Tensor right)
    {
        var (a, b) = (left.As<float>().ToArray(), right.As<float>().ToArray());
        return a.Zip(b, (x, y) => (double)x * y).Sum();
    }
}
