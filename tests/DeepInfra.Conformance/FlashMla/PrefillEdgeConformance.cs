// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Dense prefill at its borders: scales, size one, very uneven batches, rows of no request.</summary>
public abstract class PrefillEdgeConformance
{
    protected abstract CpuBackendOptions Cpu { get; }

    [Theory]
    [InlineData(0f)]
    [InlineData(-0.3f)]
    [InlineData(1e-8f)]
    [InlineData(10f)]
    public void PrefillDense_AnyScale_MatchesReference(float scale)
    {
        using var problem = new PrefillCase([70, 3], [90, 5], 2, 1, 24, 16, DType.Float32)
        {
            Scale = scale,
        };

        problem.CheckForward(Cpu, causal: true, Tolerances.FlashMla.Cpu);
        problem.CheckBackward(Cpu, causal: true, Tolerances.FlashMla.DensePrefill);
    }

    [Fact]
    public void PrefillDense_HugeLogits_MatchReference()
    {
        using var problem = new PrefillCase([70], [90], 2, 2, 24, 16, DType.Float32)
        {
            Scale = 2000,
        };

        problem.CheckForward(Cpu, causal: true, Tolerances.FlashMla.CpuHugeLogits);
    }

    [Fact]
    public void PrefillDense_OneOfEverything_MatchesReference()
    {
        using var problem = new PrefillCase([1], [1], 1, 1, 1, 1, DType.Float32);

        problem.CheckForward(Cpu, causal: true, Tolerances.FlashMla.Cpu);
        problem.CheckBackward(Cpu, causal: true, Tolerances.FlashMla.DensePrefill);
    }

    [Fact]
    public void PrefillDense_RowsOfNoRequest_AreLeftAsTheyAre()
    {
        using var rows = Tensor<float>.Create([5, 1, 8]);
        rows.Fill(1);
        using var cu = Tensor<int>.FromSpan([0, 3], [2]);
        using var output = Tensor<float>.Create([5, 1, 8]);
        using var lse = Tensor<float>.Create([5, 1]);
        output.Fill(7);
        lse.Fill(7);

        MlaAttention.PrefillDense(
            rows,
            rows,
            rows,
            cu,
            cu,
            3,
            3,
            causal: true,
            output: output,
            logSumExp: lse,
            cpu: Cpu
        );

        output.AsSlice(0, 0, 3).ToArray().Should().OnlyContain(x => Math.Abs(x - 1) < 1e-6);
        output.AsSlice(0, 3, 2).ToArray().Should().OnlyContain(x => x == 7);
        lse.AsSlice(0, 3, 2).ToArray().Should().OnlyContain(x => x == 7);
    }

    /// <summary>Requests times heads times tiles of the longest request is more than 2^31.</summary>
    [Fact]
    public void PrefillDense_VeryUnevenBatch_CostsWhatItsRowsCost()
    {
        var lengths = new int[500_000];
        lengths[123_456] = 72_000;
        for (var i = 0; i < 5; i++)
            lengths[i * 90_001] = 1 + 20 * i;
        CheckUneven(lengths, heads: 4);
    }

    /// <summary>Ten thousand requests, one of 100,000 tokens.</summary>
    [Fact]
    [Trait("Category", "Slow")]
    public void PrefillDense_TenThousandRequestsAndALongOne_Works()
    {
        var lengths = new int[10_000];
        Array.Fill(lengths, 1);
        lengths[7_000] = 100_000;
        CheckUneven(lengths, heads: 140);
    }

    /// <summary>Every request with queries has one key, so outputs are its value and gradients of scores are zero.</summary>
    private void CheckUneven(int[] lengths, int heads)
    {
        var offsets = new int[lengths.Length + 1];
        var keyOffsets = new int[offsets.Length];
        for (var i = 0; i < lengths.Length; i++)
        {
            offsets[i + 1] = offsets[i] + lengths[i];
            keyOffsets[i + 1] = keyOffsets[i] + Math.Sign(lengths[i]);
        }
        using var cuQ = Tensor<int>.FromSpan(offsets, [offsets.Length]);
        using var cuK = Tensor<int>.FromSpan(keyOffsets, [offsets.Length]);
        using var q = Tensor<BFloat16>.Create([offsets[^1], heads, 1]);
        using var k = Tensor<BFloat16>.Create([keyOffsets[^1], heads, 1]);
        using var v = Tensor<BFloat16>.Create([keyOffsets[^1], heads, 1]);
        using var gradOut = Tensor<BFloat16>.Create(q.Shape);
        q.Fill((BFloat16)2f);
        gradOut.Fill((BFloat16)1f);
        for (var i = 0; i < keyOffsets[^1]; i++)
        {
            k.AsSelected(0, i).Fill((BFloat16)(float)(i % 5));
            v.AsSelected(0, i).Fill((BFloat16)(float)(i % 100));
        }
        var longest = lengths.Max();

        var state = MlaAttention.PrefillDense(q, k, v, cuQ, cuK, longest, 1, false, cpu: Cpu);
        var gradients = MlaAttention.PrefillDenseBackward(
            gradOut,
            q,
            k,
            v,
            state.Out,
            state.LogSumExp,
            cuQ,
            cuK,
            longest,
            1,
            causal: false,
            cpu: Cpu
        );

        using var output = state.Out.As<BFloat16>();
        using var gradValue = gradients.Value.As<BFloat16>();
        for (var i = 0; i < lengths.Length; i++)
        {
            if (lengths[i] == 0)
                continue;
            var key = keyOffsets[i];
            // Of each request the first and the last row of the first and the last head.
            foreach (var head in new[] { 0, heads - 1 })
            {
                ((float)gradValue[key, head, 0]).Should().Be((float)(BFloat16)(float)lengths[i]);
                foreach (var row in new[] { offsets[i], offsets[i + 1] - 1 })
                {
                    ((float)output[row, head, 0]).Should().Be(key % 100);
                    state.LogSumExp[row, head].Should().BeApproximately(2 * (key % 5), 1e-5f);
                }
            }
        }
        gradients
            .Query.As<BFloat16>()
            .AsSpan()
            .IndexOfAnyExcept(BFloat16.Zero, BFloat16.NegativeZero)
            .Should()
            .Be(-1);
        state.LogSumExp.Dispose();
        gradients.Query.Dispose();
        gradients.Key.Dispose();
    }
}
