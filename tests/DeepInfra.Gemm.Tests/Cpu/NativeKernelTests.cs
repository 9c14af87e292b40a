// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cpu;

/// <summary>What the native kernels do beyond what every kernel does.</summary>
public sealed class NativeKernelTests
{
    public NativeKernelTests() => CpuTiers.RequireNative();

    [Fact]
    public void Gemm_RandomShapesAndLayouts_AreNearTheReference()
    {
        var random = new Random(11);
        var ops = CpuTiers.CreateNative(threads: 2).Ops;
        for (var i = 0; i < 60; i++)
        {
            var inputs = new GemmInputs(i);
            var (m, n, k) = (random.Next(9, 90), 4 * random.Next(1, 33), random.Next(1, 300));
            var layout = (GemmLayout)random.Next(4);
            var (kFirstA, kFirstB) = (
                layout is GemmLayout.TN or GemmLayout.TT,
                layout is GemmLayout.NN or GemmLayout.TN
            );
            var a = kFirstA ? inputs.BFloat16s(k, m) : inputs.BFloat16s(m, k);
            var b = kFirstB ? inputs.BFloat16s(k, n) : inputs.BFloat16s(n, k);
            var d = Tensor<float>.Create([m, n]);

            ops.Bf16Gemm(a, b, d, layout);

            GemmCheck.ShouldBeProduct(
                d,
                GemmCheck.Values(kFirstA ? a.AsTransposed() : a),
                GemmCheck.Values(kFirstB ? b.AsTransposed() : b),
                because: $"{m}x{n}x{k} {layout}"
            );
        }
    }

    [Theory]
    [InlineData(40, 264, 400)]
    [InlineData(300, 264, 272)]
    public void Gemm_AnyThreadCount_GivesTheSameBits(int m, int n, int k)
    {
        var (a, b) = Fp8(m, n, k);
        byte[]? first = null;
        foreach (var threads in new[] { 1, 2, 4, 8 })
        {
            var d = Tensor<float>.Create([m, n]);
            CpuTiers.CreateNative(threads: threads).Ops.Fp8GemmNT(a, b, d);
            first ??= GemmCheck.Bytes(d);
            GemmCheck.Bytes(d).Should().Equal(first, $"{threads} threads");
        }
    }

    [Fact]
    public void Gemm_WarmCalls_AllocateNothing()
    {
        var ops = CpuTiers.CreateNative().Ops;
        var (a, b) = Fp8(300, 264, 272);
        var inputs = new GemmInputs(2);
        var (a16, b16) = (inputs.BFloat16s(40, 264), inputs.BFloat16s(264, 264));
        var d = Tensor<BFloat16>.Create([300, 264]);
        var d16 = Tensor<float>.Create([40, 264]);

        AllocationMeasure
            .OfWarm(
                () =>
                {
                    ops.Fp8GemmNT(a, b, d);
                    ops.Bf16GemmNT(a16, b16, d16);
                    ops.Bf16GemmNN(a16, b16, d16);
                },
                calls: 10
            )
            .Should()
            .Be(0);
    }

    [Fact]
    public void Bf16Gemm_SubnormalInputs_CountAsZero()
    {
        var a = Tensor<BFloat16>.Create([16, 32]);
        var b = Tensor<BFloat16>.Create([32, 32]);
        a.Fill(BFloat16.FromBits(0x0040));
        b.Fill((BFloat16)1024f);
        var flushed = Tensor<float>.Create([16, 32]);
        var kept = Tensor<float>.Create([16, 32]);

        CpuTiers.CreateNative().Ops.Bf16GemmNT(a, b, flushed);
        CpuTiers.Create(SimdTier.V512).Ops.Bf16GemmNT(a, b, kept);

        flushed.AsSpan().IndexOfAnyExcept(0f).Should().Be(-1);
        // 32 products of 2^-127 and 2^10.
        kept.AsSpan().IndexOfAnyExcept(MathF.ScaleB(1, -112)).Should().Be(-1);
    }

    [Fact]
    public void Fp8Gemm_SubnormalCodesAndTinyScales_AreKept()
    {
        var a = Tensor<Float8E4M3>.Create([16, 128]);
        var b = Tensor<Float8E4M3>.Create([32, 128]);
        a.Fill(Float8E4M3.FromBits(0x01));
        b.Fill(Float8E4M3.FromBits(0x01));
        var scaleA = Tensor<float>.Create([16, 1]);
        var scaleB = Tensor<float>.Create([1, 1]);
        scaleA.Fill(MathF.ScaleB(1, -126));
        scaleB.Fill(1);
        var d = Tensor<float>.Create([16, 32]);

        CpuTiers.CreateNative().Ops.Fp8GemmNT(new(a, scaleA), new(b, scaleB), d);

        // 128 products of 2^-18, times 2^-126: subnormal in binary32.
        d.AsSpan().IndexOfAnyExcept(MathF.ScaleB(1, -137)).Should().Be(-1);
    }

    private static (ScaledTensor A, ScaledTensor B) Fp8(int m, int n, int k)
    {
        var inputs = new GemmInputs(m);
        var blocks = (k + 127) / 128;
        return (
            new(inputs.Fp8(m, k), inputs.Scales(m, blocks)),
            new(inputs.Fp8(n, k), inputs.Scales((n + 127) / 128, blocks))
        );
    }
}
