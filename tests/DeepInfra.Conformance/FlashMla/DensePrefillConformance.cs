// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Dense prefill, forward and backward, against the float64 reference; one subclass per backend and tier.</summary>
public abstract class DensePrefillConformance
{
    protected abstract CpuBackendOptions Cpu { get; }

    public static TheoryData<int[], int[], int, int, int, int, bool> Matrix()
    {
        var data = new TheoryData<int[], int[], int, int, int, int, bool>();
        foreach (var causal in new[] { false, true })
        {
            data.Add([128, 70], [128, 70], 2, 2, 192, 128, causal);
            data.Add([97], [97], 4, 1, 128, 128, causal);
            data.Add([1, 0, 130, 5], [7, 3, 64, 0], 4, 2, 24, 40, causal);
            data.Add([65, 3], [20, 200], 2, 2, 32, 32, causal);
            data.Add([33], [150], 3, 1, 5, 7, causal);
            data.Add([40, 23], [40, 61], 32, 4, 192, 128, causal);
            data.Add([29], [35], 128, 128, 128, 128, causal);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Matrix))]
    public void PrefillDense_Matrix_MatchesReference(
        int[] queries,
        int[] keys,
        int heads,
        int kvHeads,
        int headDim,
        int valueDim,
        bool causal
    )
    {
        using var problem = new PrefillCase(
            queries,
            keys,
            heads,
            kvHeads,
            headDim,
            valueDim,
            DType.Float32
        );

        problem.CheckForward(Cpu, causal, Tolerances.FlashMla.Cpu);
    }

    [Theory]
    [MemberData(nameof(Matrix))]
    public void PrefillDenseBackward_Matrix_MatchesReference(
        int[] queries,
        int[] keys,
        int heads,
        int kvHeads,
        int headDim,
        int valueDim,
        bool causal
    )
    {
        using var problem = new PrefillCase(
            queries,
            keys,
            heads,
            kvHeads,
            headDim,
            valueDim,
            DType.Float32
        );

        problem.CheckBackward(Cpu, causal, Tolerances.FlashMla.DensePrefill);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(4096)]
    [InlineData(8192)]
    public void PrefillDense_LongSequence_MatchesReference(int tokens)
    {
        using var problem = new PrefillCase([tokens], [tokens], 1, 1, 192, 128, DType.Float32);

        problem.CheckForward(Cpu, causal: true, Tolerances.FlashMla.Cpu);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(32, 4, 192, true)]
    [InlineData(32, 4, 128, false)]
    [InlineData(128, 128, 192, true)]
    public void PrefillDense_ModelHeads_MatchReference(
        int heads,
        int kvHeads,
        int headDim,
        bool causal
    )
    {
        using var problem = new PrefillCase(
            [513, 190],
            [700, 190],
            heads,
            kvHeads,
            headDim,
            128,
            DType.Float32
        );

        problem.CheckForward(Cpu, causal, Tolerances.FlashMla.Cpu);
        problem.CheckBackward(Cpu, causal, Tolerances.FlashMla.DensePrefill);
    }

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void PrefillDense_NarrowTypes_MatchReference(DType type)
    {
        using var problem = new PrefillCase([100, 30], [100, 30], 2, 2, 192, 128, type);

        problem.CheckForward(Cpu, causal: true, Tolerances.FlashMla.DensePrefill);
        problem.CheckBackward(Cpu, causal: true, Tolerances.FlashMla.DensePrefillBackward16);
    }

    [Fact]
    public void PrefillDense_TwiceWithOtherThreadCounts_GivesTheSameBits()
    {
        using var problem = new PrefillCase([200, 90], [200, 90], 2, 1, 64, 64, DType.Float32);

        var (one, oneGrads) = problem.Run(Cpu with { MaxDegreeOfParallelism = 1 }, causal: true);
        var (two, twoGrads) = problem.Run(Cpu with { MaxDegreeOfParallelism = 8 }, causal: true);

        two.Out.As<float>().ToArray().Should().Equal(one.Out.As<float>().ToArray());
        two.LogSumExp.ToArray().Should().Equal(one.LogSumExp.ToArray());
        twoGrads.Query.As<float>().ToArray().Should().Equal(oneGrads.Query.As<float>().ToArray());
        twoGrads.Key.As<float>().ToArray().Should().Equal(oneGrads.Key.As<float>().ToArray());
        twoGrads.Value.As<float>().ToArray().Should().Equal(oneGrads.Value.As<float>().ToArray());
    }

    [Fact]
    public void PrefillDense_NaNInMaskedRows_DoesNotLeak()
    {
        // The last key is NaN and only the last query sees it.
        using var problem = new PrefillCase([70], [70], 1, 1, 32, 32, DType.Float32);
        problem.Key.As<float>().AsSlice(0, 69, 1).Fill(float.NaN);
        problem.Value.As<float>().AsSlice(0, 69, 1).Fill(float.NaN);

        var (state, gradients) = problem.Run(Cpu, causal: true);

        for (var i = 0; i < 69; i++)
        {
            float.IsFinite(state.LogSumExp[i, 0]).Should().BeTrue($"query {i}");
            for (var c = 0; c < 32; c++)
            {
                float.IsFinite(state.Out.As<float>()[i, 0, c]).Should().BeTrue($"query {i}");
                float.IsFinite(gradients.Query.As<float>()[i, 0, c]).Should().BeTrue($"query {i}");
            }
        }
        float.IsNaN(state.Out.As<float>()[69, 0, 0]).Should().BeTrue();
    }

    [Fact]
    public void PrefillDense_EmptyBatch_GivesEmptyResults()
    {
        using var problem = new PrefillCase([], [], 2, 1, 32, 32, DType.Float32);

        var (state, gradients) = problem.Run(Cpu, causal: true);

        state.Out.ElementCount.Should().Be(0);
        gradients.Key.ElementCount.Should().Be(0);
    }
}
