// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.FlashMla;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Dense decode against the float64 reference; one subclass per backend and tier.</summary>
public abstract class DenseDecodeConformance : DecodeConformance
{
    [Theory]
    [InlineData(2, 1)]
    [InlineData(8, 3)]
    [InlineData(12, 1)]
    [InlineData(20, 17)]
    [InlineData(32, 2)]
    [InlineData(96, 1)]
    public void Decode_HeadsAndQueryTokens_MatchReference(int heads, int queryTokens) =>
        Check(
            new DecodeCase
            {
                QueryHeads = heads,
                QueryTokens = queryTokens,
                Lengths = [70, 16],
                Causal = queryTokens > 1,
            }
        );

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(53)]
    [InlineData(128)]
    [InlineData(256)]
    public void Decode_AnyPageSize_MatchesReference(int page) =>
        Check(
            new DecodeCase
            {
                PageSize = page,
                Lengths = [97, 260],
                QueryTokens = 2,
                Causal = true,
            }
        );

    [Theory]
    [InlineData(KvCacheFormat.Float16, 64, 5)]
    [InlineData(KvCacheFormat.Fp8V32, 64, 5)]
    [InlineData(KvCacheFormat.Fp8V32, 1, 16)]
    [InlineData(KvCacheFormat.Fp8V32, 61, 3)]
    [InlineData(KvCacheFormat.Fp8Model1, 64, 5)]
    [InlineData(KvCacheFormat.Fp8Model1, 2, 16)]
    public void Decode_OtherFormats_MatchReference(KvCacheFormat format, int page, int heads) =>
        Check(
            new DecodeCase
            {
                Format = format,
                PageSize = page,
                QueryHeads = heads,
                HeadDim = format == KvCacheFormat.Fp8Model1 ? 512 : 576,
                Lengths = [70, 131],
                QueryTokens = 2,
                Causal = true,
            }
        );

    [Theory]
    [InlineData(320, 256)]
    [InlineData(512, 512)]
    [InlineData(64, 64)]
    [InlineData(40, 24)]
    [InlineData(17, 5)]
    [InlineData(96, 96)]
    public void Decode_OtherDimensions_MatchReference(int headDim, int valueDim)
    {
        Check(
            new DecodeCase
            {
                HeadDim = headDim,
                ValueDim = valueDim,
                QueryHeads = 6,
                KvHeads = 2,
                Lengths = [90, 3],
            }
        );
        Check(
            new DecodeCase
            {
                HeadDim = headDim,
                ValueDim = valueDim,
                Format = KvCacheFormat.Float16,
                Lengths = [90, 3],
            }
        );
    }

    [Fact]
    public void Decode_KeyLengthsAroundTiles_MatchReference() =>
        Check(
            new DecodeCase
            {
                Batch = 12,
                Lengths = [0, 1, 15, 16, 17, 63, 64, 65, 96, 97, 114, 1024],
                QueryHeads = 3,
                QueryTokens = 3,
                Causal = true,
            }
        );

    [Theory]
    [InlineData(0f)]
    [InlineData(-0.3f)]
    [InlineData(1e-8f)]
    [InlineData(10f)]
    public void Decode_AnyScale_MatchesReference(float scale) =>
        Check(new DecodeCase { Scale = scale, MeanLength = 100 });

    [Fact]
    public void Decode_HugeLogits_MatchReference()
    {
        Check(
            new DecodeCase
            {
                Magnitude = 20,
                Scale = 1,
                MeanLength = 100,
            },
            Tolerances.FlashMla.CpuHugeLogits
        );
    }

    [Theory]
    [InlineData(DType.Float32, DType.Float32)]
    [InlineData(DType.Float32, DType.BFloat16)]
    [InlineData(DType.BFloat16, DType.BFloat16)]
    [InlineData(DType.Float16, DType.Float16)]
    public void Decode_QueryAndOutputTypes_MatchReference(DType query, DType output) =>
        Check(
            new DecodeCase { QueryType = query, OutType = output },
            output == DType.Float32 ? Tolerance : Tolerances.FlashMla.DenseDecode
        );

    [Fact]
    public void Decode_LonelyRows_GiveZeroAndPositiveInfinity()
    {
        using var problem = new DecodeCase
        {
            Batch = 3,
            Lengths = [0, 1, 70],
            QueryTokens = 3,
            QueryHeads = 2,
            Causal = true,
        }.Build();

        var state = Run(problem);

        for (var head = 0; head < 2; head++)
        {
            state.LogSumExp[0, head, 0].Should().Be(float.PositiveInfinity);
            state.LogSumExp[0, head, 2].Should().Be(float.PositiveInfinity);
            state.LogSumExp[1, head, 1].Should().Be(float.PositiveInfinity);
            float.IsFinite(state.LogSumExp[1, head, 2]).Should().BeTrue();
            state.Out.As<float>()[1, 1, head, 7].Should().Be(0);
        }
        CheckResult(problem, state, Tolerance);
    }

    [Theory]
    [InlineData(SplitPolicy.Balanced, 1)]
    [InlineData(SplitPolicy.Balanced, 7)]
    [InlineData(SplitPolicy.FixedSplitSize, 3)]
    [InlineData(SplitPolicy.NoSplit, 3)]
    public void Decode_SplitPolicies_MatchReference(SplitPolicy policy, int workers)
    {
        using var problem = new DecodeCase
        {
            Batch = 3,
            Lengths = [0, 1300, 65],
            QueryTokens = 2,
            QueryHeads = 5,
            Causal = true,
            Policy = policy,
        }.Build();

        var state = Run(problem, Cpu with { MaxDegreeOfParallelism = workers });

        CheckResult(problem, state, Tolerance);
    }

    [Theory]
    [InlineData(SplitPolicy.FixedSplitSize)]
    [InlineData(SplitPolicy.NoSplit)]
    public void Decode_BatchInvariantPolicy_GivesTheSameBitsAlone(SplitPolicy policy)
    {
        using var problem = new DecodeCase
        {
            Batch = 3,
            Lengths = [200, 1300, 65],
            Policy = policy,
        }.Build();

        var together = Run(problem, Cpu with { MaxDegreeOfParallelism = 5 });
        var alone = Decode(
            problem.Options(Cpu with { MaxDegreeOfParallelism = 2 }),
            problem.Query.AsSlice(0, 1, 1),
            problem.Cache,
            problem.BlockTable.AsSlice(0, 1, 1),
            problem.CacheSeqlens.AsSlice(0, 1, 1)
        );

        var expected = together.Out.As<float>().AsSlice(0, 1, 1).ToArray();
        var narrowed = expected.Select(x => (BFloat16)x).ToArray();
        alone.Out.As<BFloat16>().ToArray().Should().Equal(narrowed);
        alone.LogSumExp.ToArray().Should().Equal(together.LogSumExp.AsSlice(0, 1, 1).ToArray());
    }

    [Fact]
    public void Decode_NaNInKeyThatOnlyLaterTokensSee_DoesNotReachEarlierTokens()
    {
        // One head per KV head: the four rows of a group are four query tokens with four different ends.
        using var problem = new DecodeCase
        {
            Batch = 1,
            Lengths = [66],
            QueryTokens = 4,
            QueryHeads = 1,
            Causal = true,
        }.Build();
        var block = problem.BlockTable[0, 1];
        problem
            .Cache.Data.As<BFloat16>()
            .AsSelected(0, block)
            .AsSelected(0, 1)
            .Fill((BFloat16)float.NaN);

        var state = Run(problem);

        var output = state.Out.As<float>();
        for (var s = 0; s < 3; s++)
        for (var c = 0; c < 512; c++)
            float.IsFinite(output[0, s, 0, c]).Should().BeTrue();
        float.IsNaN(output[0, 3, 0, 0]).Should().BeTrue();
    }

    [Fact]
    public void Decode_MaximumGrowsFromTileToTile_RescalesEarlierResults()
    {
        using var problem = new DecodeCase
        {
            Batch = 1,
            Lengths = [400],
            QueryHeads = 3,
            Scale = 0.02f,
        }.Build();
        var rows = problem.Cache.Data.As<BFloat16>();
        for (var token = 0; token < 400; token++)
            foreach (
                ref var x in rows.AsView().Row(problem.BlockTable[0, token / 64], token % 64, 0)
            )
                x = (BFloat16)((float)x * (1 + token / 20));

        CheckResult(problem, Run(problem), Tolerance, fresh: true);
    }

    [Fact]
    public void Decode_LogSumExpOptions_ChangeBaseAndMarkerOnly()
    {
        using var problem = new DecodeCase { Lengths = [0, 1300], QueryHeads = 2 }.Build();
        var expected = Run(problem);

        var state = Decode(
            problem.Options(Cpu with { MaxDegreeOfParallelism = 3 }) with
            {
                LogSumExpBase = LogSumExpBase.Two,
                EmptyLogSumExp = EmptyLogSumExp.NegativeInfinity,
            },
            problem.Query,
            problem.Cache,
            problem.BlockTable,
            problem.CacheSeqlens
        );

        state.Base.Should().Be(LogSumExpBase.Two);
        state.LogSumExp[0, 0, 0].Should().Be(float.NegativeInfinity);
        state
            .LogSumExp[1, 1, 0]
            .Should()
            .BeApproximately(expected.LogSumExp[1, 1, 0] / MathF.Log(2), 1e-5f);
    }

    [Fact]
    public void Decode_ForkedSequences_ReadTheirSharedPrefix()
    {
        using var cache = new PagedMlaKvCache(new() { BlockCount = 6, PageSize = 16 });
        using var builder = new BlockTableBuilder(2, 4);
        var random = new DeterministicRandom(3);
        using var rows = random.Normal<BFloat16>([40, 576], deviation: 0.1);
        using var q = random.Normal<BFloat16>([2, 1, 3, 576]);
        var parent = cache.CreateSequence();
        cache.Extend(parent, 39);
        cache.Append(0, parent, 0, rows.AsSlice(0, 0, 39));
        var child = cache.Fork(parent);
        cache.Extend(child, 1);
        cache.Append(0, child, 39, rows.AsSlice(0, 39, 1));
        builder.Build([parent, child]);

        var state = Decode(
            new()
            {
                Shape = MlaShape.DeepSeekV3(3),
                MaxBatch = 2,
                PageSize = 16,
                Cpu = Cpu,
            },
            q,
            cache.Layer(0),
            builder.BlockTable,
            builder.CacheSeqlens
        );

        var (output, lse) = MlaReference.Decode(
            q,
            cache.Layer(0),
            builder.BlockTable,
            builder.CacheSeqlens,
            512,
            1 / Math.Sqrt(576),
            causal: false
        );
        MlaCompare.Check(state.Out, output, Tolerances.FlashMla.DenseDecode, "out");
        MlaCompare.Check(state.LogSumExp, lse, LogSumExpTolerance, "lse");
    }

    [Fact]
    public void Decode_Twice_GivesTheSameBits()
    {
        using var problem = new DecodeCase
        {
            Batch = 4,
            MeanLength = 900,
            Varlen = true,
        }.Build();
        var cpu = Cpu with { MaxDegreeOfParallelism = 4 };

        var first = Run(problem, cpu);
        var second = Run(problem, cpu);

        second.Out.As<float>().ToArray().Should().Equal(first.Out.As<float>().ToArray());
        second.LogSumExp.ToArray().Should().Equal(first.LogSumExp.ToArray());
    }
}
