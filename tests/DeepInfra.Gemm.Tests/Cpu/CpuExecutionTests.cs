// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;
using DeepInfra.Conformance.Gemm;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cpu;

public sealed class CpuExecutionTests
{
    private static readonly SimdTier[] s_tiers =
    [
        SimdTier.V512,
        SimdTier.V256,
        SimdTier.V128,
        SimdTier.Reference,
    ];

    [Theory]
    [InlineData(2, 1100, 400)]
    [InlineData(40, 264, 400)]
    [InlineData(300, 264, 272)]
    public void Gemm_AnyThreadCount_GivesTheSameBits(int m, int n, int k)
    {
        var (a, b) = Fp8(m, n, k);
        foreach (var tier in s_tiers)
        {
            byte[]? first = null;
            foreach (var threads in new[] { 1, 2, 4, 8 })
            {
                var d = Tensor<float>.Create([m, n]);
                CpuTiers.Create(tier, threads: threads).Ops.Fp8GemmNT(a, b, d);
                first ??= GemmCheck.Bytes(d);
                GemmCheck.Bytes(d).Should().Equal(first, $"{tier} with {threads} threads");
            }
        }
    }

    [Fact]
    public void Gemm_VectorTiersWithPackedB_AgreeBitwise()
    {
        // Products are exact and summed in the same order, so width does not matter.
        var (a, b) = Fp8(40, 264, 400);
        byte[]? first = null;
        foreach (var tier in s_tiers)
        {
            var d = Tensor<float>.Create([40, 264]);
            CpuTiers.Create(tier).Ops.Fp8GemmNT(a, b, d);
            first ??= GemmCheck.Bytes(d);
            GemmCheck.Bytes(d).Should().Equal(first, tier.ToString());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(40)]
    public void Gemm_NaNInBFloat16_HasOneForm(int m)
    {
        var (a, b) = Fp8(m, 40, 144);
        a.Data.As<Float8E4M3>().AsView().Row(0)[9] = Float8E4M3.FromBits(0xFF);
        foreach (var tier in s_tiers)
        {
            var d = Tensor<BFloat16>.Create([m, 40]);
            CpuTiers.Create(tier).Ops.Fp8GemmNT(a, b, d);
            foreach (var value in d.AsView().Row(0))
                value.Bits.Should().Be(0x7FFF, tier.ToString());
        }
    }

    [Fact]
    public void Gemm_FewRows_DoNotDependOnTheirNumber()
    {
        var (a, b) = Fp8(8, 72, 400);
        var all = Tensor<float>.Create([8, 72]);
        GemmContext.Cpu.Ops.Fp8GemmNT(a, b, all);

        for (var m = 1; m < 8; m++)
        {
            var some = Tensor<float>.Create([m, 72]);
            GemmContext.Cpu.Ops.Fp8GemmNT(
                new(a.Data.AsSlice(0, 0, m), a.Scales.AsSlice(0, 0, m)),
                b,
                some
            );
            GemmCheck
                .Bytes(some)
                .Should()
                .Equal(GemmCheck.Bytes(all).AsSpan(0, m * 72 * 4).ToArray());
        }
    }

    [Fact]
    public void Gemm_WarmCalls_AllocateNothing()
    {
        var ops = CpuTiers.Create(SimdTier.V512, threads: 2).Ops;
        var (a, b) = Fp8(300, 264, 272);
        var (few, _) = Fp8(2, 264, 272);
        var d = Tensor<BFloat16>.Create([300, 264]);
        var dFew = Tensor<float>.Create([2, 264]);
        var inputs = new GemmInputs(1);
        var grouped = new ScaledTensor(
            inputs.Fp8(2 * 264, 272).ToContiguous().AsReshaped([2, 264, 272]),
            inputs.Scales(6, 3).AsReshaped([2, 3, 3])
        );
        var indices = Tensor<int>.Create([300]);
        indices.AsSlice(0, 100, 200).Fill(1);
        var byIndex = new MIndicesLayout(indices);
        var bySum = new PrefixSumLayout(Tensor<int>.FromSpan([100, 300], [2]));
        var masked = Tensor<int>.FromSpan([7, 0], [2]);
        var maskedA = Tensor<BFloat16>.Create([2, 8, 272]);
        var maskedB = Tensor<BFloat16>.Create([2, 264, 272]);
        var maskedD = Tensor<float>.Create([2, 8, 264]);
        var gradient = Tensor<float>.Create([2, 264, 264]);
        var k16 = inputs.BFloat16s(100, 264);

        void All()
        {
            ops.Fp8GemmNT(a, b, d);
            ops.Fp8GemmNT(a, b, d, new GemmCall { Accumulate = d });
            ops.Fp8GemmNT(few, b, dFew);
            ops.MGroupedFp8Gemm(a, grouped, d, byIndex);
            ops.MGroupedFp8Gemm(a, grouped, d, bySum);
            ops.MGroupedBf16GemmMasked(maskedA, maskedB, maskedD, masked, 4);
            ops.KGroupedBf16Gemm(k16, k16, gradient, [40, 60]);
        }

        AllocationMeasure.OfWarm(All, calls: 10).Should().Be(0);
    }

    [Fact]
    public void Gemm_ManyThreadsOnOneContext_GiveTheSameBits()
    {
        var (a, b) = Fp8(130, 264, 272);
        var expected = Tensor<float>.Create([130, 264]);
        GemmContext.Cpu.Ops.Fp8GemmNT(a, b, expected);
        var bytes = GemmCheck.Bytes(expected);

        Parallel.For(
            0,
            64,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            _ =>
            {
                var d = Tensor<float>.Create([130, 264]);
                GemmContext.Cpu.Ops.Fp8GemmNT(a, b, d);
                GemmCheck.Bytes(d).Should().Equal(bytes);
            }
        );
    }

    [Fact]
    public void Gemm_CancelledToken_Throws()
    {
        var (a, b) = Fp8(16, 32, 128);
        var d = Tensor<float>.Create([16, 32]);
        using var source = new CancellationTokenSource();
        source.Cancel();

        var call = () =>
            GemmContext.Cpu.Ops.Fp8GemmNT(
                a,
                b,
                d,
                new GemmCall { CancellationToken = source.Token }
            );

        call.Should().Throw<OperationCanceledException>();
    }

    [Fact]
    public async Task Gemm_CancelledWhileRunning_StopsBetweenTiles()
    {
        // Whoever cancels may be late on a busy machine: larger products then.
        for (var m = 1024; ; m *= 4)
        {
            var (a, b) = Fp8(m, 64, 256);
            var d = Tensor<float>.Create([m, 64]);
            d.Fill(float.NaN);
            using var source = new CancellationTokenSource();
            var ops = CpuTiers.Create(SimdTier.Reference, threads: 1).Ops;
            var run = Task.Factory.StartNew(
                () => ops.Fp8GemmNT(a, b, d, new GemmCall { CancellationToken = source.Token }),
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default
            );
            while (!run.IsCompleted && float.IsNaN(Volatile.Read(ref d.AsSpan()[0])))
                Thread.Yield();
            source.Cancel();
            try
            {
                await run;
                (m < 200_000).Should().BeTrue("a cancelled product must end before its last tile");
            }
            catch (OperationCanceledException e)
            {
                e.CancellationToken.Should().Be(source.Token);
                d.AsSpan()[0].Should().NotBe(float.NaN);
                d.AsSpan()[^1].Should().Be(float.NaN);
                return;
            }
        }
    }

    [Fact]
    public void Meter_Calls_AreCountedByOperation()
    {
        var calls = new Dictionary<string, long>();
        long flops = 0;
        var thread = Environment.CurrentManagedThreadId;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == "DeepInfra.Gemm")
                    l.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) =>
            {
                // Other tests count as well.
                if (Environment.CurrentManagedThreadId != thread)
                    return;
                var operation = (string)tags[0].Value!;
                if (instrument.Name == "deepinfra.gemm.calls")
                    calls[operation] = calls.GetValueOrDefault(operation) + value;
                else if (operation == "fp8_m_grouped_contiguous")
                    flops += value;
            }
        );
        listener.Start();
        var (a, b) = Fp8(16, 32, 128);
        var d = Tensor<float>.Create([16, 32]);
        var ops = GemmContext.Cpu.Ops;
        var indices = Tensor<int>.Create([16]);
        indices.AsSlice(0, 4, 12).Fill(-1);

        ops.Fp8GemmNT(a, b, d);
        ops.Fp8GemmNT(a, b, d);
        ops.MGroupedFp8Gemm(
            a,
            new(
                b.Data.As<Float8E4M3>().ToContiguous().AsReshaped([1, 32, 128]),
                b.Scales.AsReshaped([1, 1, 1])
            ),
            d,
            new MIndicesLayout(indices)
        );

        calls.Should().Contain("fp8_dense", 2).And.Contain("fp8_m_grouped_contiguous", 1);
        flops.Should().Be(2 * 4 * 32 * 128);
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
