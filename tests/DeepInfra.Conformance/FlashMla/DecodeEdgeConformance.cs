// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Dense decode at its borders: what unused memory holds, how far splitting goes, what rows without keys give.</summary>
public abstract class DecodeEdgeConformance
{
    protected abstract CpuBackendOptions Cpu { get; }

    [Theory]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Decode_InfinityInUnusedSlots_DoesNotLeak(float poison) =>
        Check(
            new DecodeCase
            {
                Poison = poison,
                Lengths = [65, 3],
                QueryTokens = 2,
                Causal = true,
                Seed = 31,
            }
        );

    [Fact]
    public void Decode_RowsWithoutKeysInsideASplit_CountNothing() =>
        // The last of three splits has six tokens: ten of the seventeen query tokens see none of them.
        Check(
            new DecodeCase
            {
                Batch = 1,
                Lengths = [1030],
                QueryTokens = 17,
                QueryHeads = 2,
                HeadDim = 64,
                ValueDim = 64,
                Causal = true,
                Policy = SplitPolicy.FixedSplitSize,
            }
        );

    [Fact]
    public void Decode_HundredsOfSplits_AreAllCombined()
    {
        using var problem = new DecodeCase
        {
            Lengths = [64 * 170, 64 * 33],
            QueryHeads = 2,
            HeadDim = 32,
            ValueDim = 32,
            Policy = SplitPolicy.FixedSplitSize,
            FixedSplitSize = 64,
        };
        problem.Build();
        using var plan = MlaDecodePlan.Create(Device.Cpu, problem.Options(Cpu));
        plan.Update(problem.CacheSeqlens);
        plan.SplitOffsets.ToArray().Should().Equal(0, 170, 203);

        CheckResult(problem, Run(problem));
    }

    [Fact]
    public void Decode_HalfOfTheBatchEmpty_MatchesReference() =>
        Check(
            new DecodeCase
            {
                Batch = 24,
                Lengths = [.. Enumerable.Range(0, 24).Select(i => i % 2 == 0 ? 0 : 37 * i)],
                QueryTokens = 2,
                QueryHeads = 2,
                HeadDim = 64,
                ValueDim = 64,
                Causal = true,
            },
            Cpu with
            {
                MaxDegreeOfParallelism = 5,
            }
        );

    [Fact]
    public void Decode_RawFloatScales_MatchReference() =>
        Check(
            new DecodeCase
            {
                Format = KvCacheFormat.Fp8V32,
                ScaleFormat = KvScaleFormat.Float32,
                Lengths = [70, 131],
            }
        );

    [Fact]
    public unsafe void Decode_Model1PaddingScale_IsNotRead()
    {
        const int page = 16;
        using var problem = new DecodeCase
        {
            Format = KvCacheFormat.Fp8Model1,
            HeadDim = 512,
            PageSize = page,
            Lengths = [40, 17],
        };
        problem.Build();
        var expected = Run(problem).Out.As<float>().ToArray();
        var data = problem.Cache.Data;
        for (long block = 0; block < data.Shape[0]; block++)
        for (var slot = 0; slot < page; slot++)
            ((byte*)data.DataPointer + block * data.Strides[0])[576 * page + 8 * slot + 7] = 255;

        Run(problem).Out.As<float>().ToArray().Should().Equal(expected);
    }

    [Fact]
    public void Decode_NaNInOneQueryRow_StaysInIt()
    {
        using var problem = new DecodeCase
        {
            Batch = 1,
            Lengths = [70],
            QueryHeads = 5,
        };
        problem.Build();
        problem.Query.As<BFloat16>()[0, 0, 3, 17] = (BFloat16)float.NaN;

        var state = Run(problem);

        for (var head = 0; head < 5; head++)
        {
            float.IsNaN(state.LogSumExp[0, head, 0]).Should().Be(head == 3);
            float.IsNaN(state.Out.As<float>()[0, 0, head, 100]).Should().Be(head == 3);
        }
    }

    [Fact]
    public void Decode_StridedLogSumExp_LeavesTheGapsAlone()
    {
        using var problem = new DecodeCase
        {
            Lengths = [1300, 0],
            QueryTokens = 2,
            QueryHeads = 3,
            Policy = SplitPolicy.FixedSplitSize,
        };
        problem.Build();
        var expected = Run(problem).LogSumExp;
        using var wide = Tensor<float>.Create([2, 2, 2, 3]);
        wide.Fill(-77);
        using var lse = wide.AsSelected(1, 1).AsTransposed();

        Run(problem, logSumExp: lse);

        lse.ToArray().Should().Equal(expected.ToArray());
        wide.AsSelected(1, 0).ToArray().Should().OnlyContain(x => x == -77);
    }

    private void Check(DecodeCase problem, CpuBackendOptions? cpu = null)
    {
        using (problem)
        {
            problem.Build();
            CheckResult(problem, Run(problem, cpu));
        }
    }

    private AttentionState Run(
        DecodeCase problem,
        CpuBackendOptions? cpu = null,
        Tensor<float>? logSumExp = null
    )
    {
        using var plan = MlaDecodePlan.Create(Device.Cpu, problem.Options(cpu ?? Cpu));
        plan.Update(problem.CacheSeqlens);
        return MlaAttention.Decode(
            plan,
            problem.Query,
            problem.Cache,
            problem.BlockTable,
            problem.CacheSeqlens,
            problem.Output(),
            logSumExp
        );
    }

    private static void CheckResult(DecodeCase problem, AttentionState state)
    {
        var (output, lse) = problem.Reference();
        MlaCompare.Check(state.Out, output, Tolerances.FlashMla.Cpu, "out");
        MlaCompare.Check(state.LogSumExp, lse, Tolerances.FlashMla.CpuLogSumExp, "lse");
    }
}
