// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Sparse decode and sparse prefill against the float64 reference; one subclass per backend and tier.</summary>
public abstract class SparseConformance
{
    protected abstract CpuBackendOptions Cpu { get; }

    public static TheoryData<KvCacheFormat, int, int, int, int, bool> Matrix()
    {
        var data = new TheoryData<KvCacheFormat, int, int, int, int, bool>();
        var flip = 0;
        foreach (
            var format in new[]
            {
                KvCacheFormat.Fp8V32,
                KvCacheFormat.Fp8Model1,
                KvCacheFormat.BFloat16,
            }
        )
        foreach (var (topK, page) in new[] { (64, 2), (1, 64), (63, 69), (200, 61), (65, 576) })
        foreach (var (batch, queryTokens) in new[] { (1, 3), (4, 1) })
            data.Add(format, topK, page, batch, queryTokens, flip++ % 2 == 0);
        return data;
    }

    [Theory]
    [MemberData(nameof(Matrix))]
    public void DecodeSparse_Matrix_MatchesReference(
        KvCacheFormat format,
        int topK,
        int page,
        int batch,
        int queryTokens,
        bool lengths
    ) =>
        Check(
            new SparseCase
            {
                Format = format,
                HeadDim = format == KvCacheFormat.Fp8Model1 ? 512 : 576,
                TopK = topK,
                PageSize = page,
                Batch = batch,
                QueryTokens = queryTokens,
                Lengths = lengths,
                Sink = !lengths,
                Seed = topK + page + batch,
            }
        );

    [Theory]
    [InlineData(false, false, 100)]
    [InlineData(true, false, 130)]
    [InlineData(false, true, 64)]
    [InlineData(true, true, 20)]
    public void DecodeSparse_ExtraScope_MatchesReference(
        bool lengths,
        bool extraLengths,
        int extraTopK
    ) =>
        Check(
            new SparseCase
            {
                Format = KvCacheFormat.Fp8Model1,
                HeadDim = 512,
                Batch = 5,
                TopK = 128,
                PageSize = 256,
                ExtraTopK = extraTopK,
                ExtraPageSize = 2,
                Lengths = lengths,
                ExtraLengths = extraLengths,
                Sink = true,
            }
        );

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(70)]
    public void DecodeSparse_AnyHeadCount_MatchesReference(int heads) =>
        Check(new SparseCase { Heads = heads, QueryTokens = 2 });

    [Fact]
    public void DecodeSparse_RawFloatScales_MatchReference() =>
        Check(new SparseCase { ScaleFormat = KvScaleFormat.Float32 });

    [Fact]
    public void DecodeSparse_AllIndicesInvalid_GivesLonelyRows()
    {
        using var problem = new SparseCase
        {
            AllInvalid = true,
            Sink = true,
            ExtraTopK = 7,
        }.Build();

        var state = problem.Run(Cpu);

        state.Out.As<float>().ToArray().Should().OnlyContain(x => x == 0);
        state.LogSumExp.ToArray().Should().OnlyContain(x => float.IsPositiveInfinity(x));
    }

    [Theory]
    [InlineData(SplitPolicy.Balanced)]
    [InlineData(SplitPolicy.FixedSplitSize)]
    [InlineData(SplitPolicy.NoSplit)]
    public void DecodeSparse_Split_AppliesTheSinkOnce(SplitPolicy policy)
    {
        using var problem = new SparseCase
        {
            Batch = 2,
            TopK = 1300,
            ExtraTopK = 150,
            ExtraPageSize = 53,
            Sink = true,
            Policy = policy,
        }.Build();

        problem.Check(Cpu with { MaxDegreeOfParallelism = 5 });
    }

    [Fact]
    public void DecodeSparse_DuplicatedIndex_CountsTwice()
    {
        using var problem = new SparseCase { Batch = 1, TopK = 2 }.Build();
        problem.Scope.Indices[0, 0, 1] = problem.Scope.Indices[0, 0, 0] = 0;
        problem.Scope.Cache.Data.As<byte>().AsSelected(0, 0).AsSelected(0, 0).Fill(0);

        var state = problem.Run(Cpu);

        // Two equal logits of 0.
        state.LogSumExp[0, 0, 0].Should().BeApproximately(MathF.Log(2), 1e-6f);
    }

    [Theory]
    [InlineData(3, 95, 128, 576, true, true, 0)]
    [InlineData(1, 128, 65, 512, false, true, 20)]
    [InlineData(20, 300, 200, 576, true, false, 64)]
    [InlineData(2, 32, 1000, 576, false, false, 500)]
    [InlineData(2, 50, 1, 320, false, false, 1)]
    public void PrefillSparse_Matrix_MatchesReference(
        int tokens,
        int rows,
        int topK,
        int headDim,
        bool sink,
        bool lengths,
        int indexerTopK
    )
    {
        var random = new DeterministicRandom(7);
        const int heads = 6;
        using var q = random.Normal<BFloat16>([tokens, heads, headDim], deviation: 0.3);
        using var kv = random.Normal<BFloat16>([rows, 1, headDim], deviation: 0.1);
        using var indices = Tensor<int>.Create([tokens, 1, topK]);
        int[] invalid = [int.MinValue, -123_456, -1, rows, 114_514, 2_147_480_000, int.MaxValue];
        foreach (ref var x in indices.AsSpan())
            x =
                random.NextInt32(6) == 0
                    ? invalid[random.NextInt32(invalid.Length)]
                    : random.NextInt32(rows - 1);
        // The last row is NaN; only entries behind the length name it.
        kv.AsSelected(0, rows - 1).Fill((BFloat16)float.NaN);
        using var length = Tensor<int>.Create([tokens]);
        for (var t = 0; t < tokens && lengths; t++)
        {
            length[t] = t == 0 ? 0 : random.NextInt32(topK);
            indices[t, 0, topK - 1] = rows - 1;
        }
        using var sinks = Tensor<float>.FromSpan(
            [0.5f, float.PositiveInfinity, float.NegativeInfinity, -1, 2, 0],
            [heads]
        );
        var valueDim = Math.Min(512, headDim - 64);
        using var output = Tensor<float>.Create([tokens, heads, valueDim]);

        var result = MlaAttention.PrefillSparse(
            q,
            kv,
            indices,
            0.5f,
            sink ? sinks : null,
            lengths ? length : null,
            indexerTopK,
            valueDim,
            output,
            Cpu
        );

        var expected = MlaReference.PrefillSparse(
            q,
            kv,
            indices,
            lengths ? length : null,
            sink ? sinks : null,
            indexerTopK,
            valueDim,
            0.5
        );
        var lse = Tolerances.FlashMla.CpuLogSumExp;
        MlaCompare.Check(result.Out, expected.Out, Tolerances.FlashMla.Cpu, "out");
        MlaCompare.Check(result.LogSumExp, expected.LogSumExp, lse, "lse");
        MlaCompare.Check(result.MaxLogits, expected.MaxLogits, lse, "max");
        (result.IndexerLogSumExp is null).Should().Be(indexerTopK == 0);
        if (result.IndexerLogSumExp is { } indexer)
            MlaCompare.Check(indexer, expected.IndexerLogSumExp, lse, "indexer");
    }

    [Fact]
    public void PrefillSparse_PagedFp8Cache_EqualsPlainRows()
    {
        var random = new DeterministicRandom(9);
        using var rows = random.Normal<BFloat16>([3, 16, 1, 576], deviation: 0.2);
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 3, 16);
        MlaKvQuantizer.Quantize(rows, cache);
        MlaKvQuantizer.Dequantize(cache, rows);
        using var q = random.Normal<BFloat16>([4, 2, 576]);
        using var indices = Tensor<int>.Create([4, 1, 30]);
        foreach (ref var x in indices.AsSpan())
            x = random.NextInt32(-1, 48);

        var paged = MlaAttention.PrefillSparse(q, cache, indices, cpu: Cpu);
        var plain = MlaAttention.PrefillSparse(q, rows.AsReshaped([48, 1, 576]), indices, cpu: Cpu);

        paged.Out.As<BFloat16>().ToArray().Should().Equal(plain.Out.As<BFloat16>().ToArray());
        paged.LogSumExp.ToArray().Should().Equal(plain.LogSumExp.ToArray());
        cache.Data.Dispose();
    }

    private void Check(SparseCase problem)
    {
        using (problem)
            problem.Build().Check(Cpu);
    }
}
