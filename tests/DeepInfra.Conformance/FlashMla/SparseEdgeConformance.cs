// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Sparse attention at its borders: first and last slot, empty lists, sinks, many tokens.</summary>
public abstract class SparseEdgeConformance
{
    protected abstract CpuBackendOptions Cpu { get; }

    [Theory]
    [InlineData(20, 1)]
    [InlineData(2047, 53)]
    public void DecodeSparse_OddListsAndPages_MatchReference(int topK, int page)
    {
        using var problem = new SparseCase
        {
            Batch = 1,
            TopK = topK,
            PageSize = page,
            Slots = 2 * topK,
            Heads = 2,
        };

        problem.Build().Check(Cpu);
    }

    [Fact]
    public void DecodeSparse_IndicesAtTheBorders_OnlyTheLastSlotIsInside()
    {
        using var problem = new SparseCase
        {
            Batch = 1,
            TopK = 4,
            PageSize = 16,
            Slots = 32,
        };
        problem.Build();
        FillWithZeros(problem.Scope.Cache);
        new[] { 31, 32, -1, 32 + 16 }.AsSpan().CopyTo(problem.Scope.Indices.AsSpan());

        var state = problem.Run(Cpu);

        // One key of zeros: logit 0.
        state.LogSumExp.ToArray().Should().OnlyContain(x => x == 0);
    }

    [Theory]
    [InlineData(SplitPolicy.Balanced)]
    [InlineData(SplitPolicy.FixedSplitSize)]
    public void DecodeSparse_SplitWithoutValidIndex_CountsNothing(SplitPolicy policy)
    {
        using var problem = new SparseCase
        {
            Batch = 1,
            TopK = 1536,
            Heads = 2,
            Policy = policy,
        };
        problem.Build();
        problem.Scope.Indices.AsSlice(2, 512, 512).Fill(-1);

        problem.Check(Cpu with { MaxDegreeOfParallelism = 3 });
    }

    [Fact]
    public void DecodeSparse_LengthsOfZero_GiveLonelyRowsOrTheExtraScopeAlone()
    {
        using var problem = new SparseCase
        {
            Batch = 2,
            TopK = 70,
            ExtraTopK = 5,
            Lengths = true,
            ExtraLengths = true,
        };
        problem.Build();
        problem.Scope.Lengths!.Fill(0);
        problem.ExtraScope!.Value.Lengths![0] = 0;
        problem.ExtraScope.Value.Lengths[1] = 5;
        problem.ExtraScope.Value.Indices.AsSlice(0, 1, 1).Fill(0);
        FillWithZeros(problem.ExtraScope.Value.Cache);

        var state = problem.Run(Cpu);

        for (var head = 0; head < problem.Heads; head++)
        {
            state.LogSumExp[0, head, 0].Should().Be(float.PositiveInfinity);
            state.Out.As<float>()[0, 0, head, 9].Should().Be(0);
            state.LogSumExp[1, head, 0].Should().BeApproximately(MathF.Log(5), 1e-6f);
        }
    }

    [Theory]
    [InlineData(0f, 0.5f)]
    [InlineData(float.NegativeInfinity, 1f)]
    [InlineData(float.PositiveInfinity, 0f)]
    [InlineData(1.0986123f, 0.25f)]
    public void DecodeSparse_Sink_ScalesTheOutputOnly(float sink, float factor)
    {
        using var problem = new SparseCase
        {
            Batch = 1,
            Format = KvCacheFormat.BFloat16,
            TopK = 1,
            Heads = 1,
            Sink = true,
        };
        problem.Build();
        problem.Scope.Indices.Fill(0);
        problem.AttnSink!.Fill(sink);
        problem.Query.Fill(BFloat16.Zero);
        problem.Scope.Cache.Data.As<BFloat16>().AsSelected(0, 0).Fill((BFloat16)3f);

        var state = problem.Run(Cpu);

        state.Out.As<float>()[0, 0, 0, 8].Should().BeApproximately(3 * factor, 1e-6f);
        state.LogSumExp[0, 0, 0].Should().Be(0);
    }

    [Fact]
    public void DecodeSparse_LogSumExpOptions_ChangeBaseAndMarkerOnly()
    {
        using var natural = new SparseCase { Batch = 2, TopK = 1100 };
        using var two = new SparseCase
        {
            Batch = 2,
            TopK = 1100,
            Base = LogSumExpBase.Two,
            Empty = EmptyLogSumExp.NegativeInfinity,
        };
        natural.Build();
        two.Build();
        two.Scope.Indices.AsSlice(0, 0, 1).Fill(-1);
        var cpu = Cpu with { MaxDegreeOfParallelism = 3 };

        var state = two.Run(cpu);

        state.LogSumExp[0, 0, 0].Should().Be(float.NegativeInfinity);
        state
            .LogSumExp[1, 3, 0]
            .Should()
            .BeApproximately(natural.Run(cpu).LogSumExp[1, 3, 0] / MathF.Log(2), 1e-5f);
    }

    [Fact]
    public void DecodeSparse_OtherOrder_ChangesTheRoundingOnly()
    {
        using var problem = new SparseCase { Batch = 1, TopK = 200 };
        problem.Build();
        var expected = problem.Run(Cpu);
        problem.Scope.Indices.AsSpan().Reverse();

        var state = problem.Run(Cpu);

        for (var head = 0; head < problem.Heads; head++)
        {
            state
                .LogSumExp[0, head, 0]
                .Should()
                .BeApproximately(expected.LogSumExp[0, head, 0], 1e-5f);
            for (var c = 0; c < 512; c++)
                state
                    .Out.As<float>()[0, 0, head, c]
                    .Should()
                    .BeApproximately(expected.Out.As<float>()[0, 0, head, c], 2e-5f);
        }
    }

    [Fact]
    public void DecodeSparse_Twice_GivesTheSameBits()
    {
        using var problem = new SparseCase
        {
            Batch = 3,
            TopK = 700,
            ExtraTopK = 90,
            Sink = true,
        };
        problem.Build();
        var cpu = Cpu with { MaxDegreeOfParallelism = 4 };

        var first = problem.Run(cpu);
        var second = problem.Run(cpu);

        second.Out.As<float>().ToArray().Should().Equal(first.Out.As<float>().ToArray());
        second.LogSumExp.ToArray().Should().Equal(first.LogSumExp.ToArray());
    }

    [Fact]
    public void Sparse_NothingToDo_GivesEmptyResults()
    {
        using var problem = new SparseCase { Batch = 0 };
        using var q = Tensor<BFloat16>.Create([0, 2, 576]);
        using var kv = Tensor<BFloat16>.Create([9, 1, 576]);
        using var indices = Tensor<int>.Create([0, 1, 4]);

        problem.Build().Run(Cpu).Out.ElementCount.Should().Be(0);
        var prefill = MlaAttention.PrefillSparse(q, kv, indices, indexerTopK: 2, cpu: Cpu);

        (prefill.Out.Shape == [0, 2, 512]).Should().BeTrue();
        prefill.IndexerLogSumExp!.ElementCount.Should().Be(0);
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(9, 0)]
    public void PrefillSparse_NothingToSee_GivesLonelyRows(int rows, int topK)
    {
        using var q = Tensor<BFloat16>.Create([2, 3, 64]);
        using var kv = Tensor<BFloat16>.Create([rows, 1, 64]);
        using var indices = Tensor<int>.Create([2, 1, topK]);
        using var sink = Tensor<float>.Create([3]);

        var result = MlaAttention.PrefillSparse(
            q,
            kv,
            indices,
            attnSink: sink,
            indexerTopK: 3,
            cpu: Cpu
        );

        result.Out.As<BFloat16>().ToArray().Should().OnlyContain(x => (float)x == 0);
        result.LogSumExp.ToArray().Should().OnlyContain(x => float.IsPositiveInfinity(x));
        result.MaxLogits.ToArray().Should().OnlyContain(x => float.IsNegativeInfinity(x));
        result.IndexerLogSumExp!.ToArray().Should().OnlyContain(x => float.IsPositiveInfinity(x));
    }

    [Fact]
    public void PrefillSparse_IndexerBehindTheList_EqualsTheWhole()
    {
        var random = new DeterministicRandom(12);
        using var q = random.Normal<BFloat16>([3, 2, 64]);
        using var kv = random.Normal<BFloat16>([40, 1, 64]);
        using var indices = Tensor<int>.Create([3, 1, 30]);
        foreach (ref var x in indices.AsSpan())
            x = random.NextInt32(-1, 40);

        var result = MlaAttention.PrefillSparse(
            q,
            kv,
            indices,
            indexerTopK: int.MaxValue,
            cpu: Cpu
        );

        var (whole, indexer) = (result.LogSumExp.ToArray(), result.IndexerLogSumExp!.ToArray());
        for (var i = 0; i < whole.Length; i++)
            indexer[i].Should().BeApproximately(whole[i], 1e-5f);
    }

    [Fact]
    public void PrefillSparse_SeventyThousandTokens_EachSeesItsRow()
    {
        const int tokens = 70_000;
        const int rows = 251;
        using var q = Tensor<BFloat16>.Create([tokens, 1, 8]);
        using var kv = Tensor<BFloat16>.Create([rows, 1, 8]);
        using var indices = Tensor<int>.Create([tokens, 1, 1]);
        for (var i = 0; i < rows; i++)
            kv.AsSelected(0, i).Fill((BFloat16)(float)i);
        for (var i = 0; i < tokens; i++)
            indices[i, 0, 0] = i % rows;

        var output = MlaAttention.PrefillSparse(q, kv, indices, cpu: Cpu).Out.As<BFloat16>();

        var values = output.ToArray();
        for (var i = 0; i < tokens; i += 997)
            ((float)values[8 * i + 5]).Should().Be(i % rows);
        ((float)values[^1]).Should().Be((tokens - 1) % rows);
    }

    private static unsafe void FillWithZeros(KvBlocks cache) =>
        new Span<byte>(
            cache.Data.DataPointer,
            checked((int)(cache.Data.Shape[0] * cache.Data.Strides[0]))
        ).Clear();
}
