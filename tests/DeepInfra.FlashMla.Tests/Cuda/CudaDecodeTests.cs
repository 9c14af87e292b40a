// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests.Cuda;

/// <summary>What decode on a CUDA device takes, refuses, allocates and leaves behind.</summary>
[Collection(nameof(SoleUserOfDevices))]
public sealed class CudaDecodeTests
{
    [CudaFact]
    public void Capabilities_OfADevice_NameWhatRuns()
    {
        var capabilities = MlaAttention.GetCapabilities(Device.Cuda(0));

        capabilities
            .DecodeFormats.Should()
            .Equal(KvCacheFormat.BFloat16, KvCacheFormat.Fp8V32, KvCacheFormat.Fp8Model1);
        capabilities.Architecture.Should().StartWith("sm_");
        capabilities.Sparse.Should().BeFalse();
        capabilities.PrefillDense.Should().BeFalse();
        capabilities.Reason.Should().BeNull();
    }

    [CudaFact]
    public void Plan_OfADevice_UsesTheSchedule()
    {
        using var step = new Step([100, 0, 300]);

        step.Plan.PartCount.Should()
            .Be(
                MlaSchedule.DensePartCount(
                    CudaDevice.Get(Device.Cuda(0)).MultiprocessorCount,
                    1,
                    1,
                    2
                )
            );
        step.Plan.SplitOffsets[^1].Should().BeGreaterThan(3);
        step.Plan.WorkspaceBytes.Should().BePositive();
        step.Plan.KernelName.Should().Be("cuda-smxx-bfloat16-dense");
        step.Plan.Device.Should().Be(Device.Cuda(0));
    }

    [CudaFact]
    public void Calls_WithoutStream_Throw()
    {
        using var step = new Step([100]);
        using var host = Tensor<int>.FromSpan([100], [1]);

        step.Invoking(s => s.Plan.Update(host))
            .Should()
            .Throw<InvalidOperationException>()
            .WithMessage("*on cuda:0 call Update(cacheSeqlens, stream).");
        step.Invoking(s => s.Decode(withStream: false))
            .Should()
            .Throw<ArgumentNullException>()
            .WithMessage("stream: calls on cuda:0 need a stream*");
    }

    [CudaFact]
    public void Decode_CpuPlanWithStream_Throws()
    {
        using var step = new Step([100]);
        using var lengths = Tensor<int>.FromSpan([100], [1]);
        using var plan = MlaDecodePlan.Create(Device.Cpu, step.Plan.Options);

        plan.Invoking(p => p.Update(lengths, step.Stream))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("stream: expected none*");
    }

    [CudaFact]
    public void Decode_WrongArguments_AreNamed()
    {
        using var step = new Step([100, 3]);
        using var host = Tensor<BFloat16>.Create([2, 1, 2, 576]);
        using var floats = Tensor<float>.Create([2, 1, 2, 576], step.Stream);
        using var half = Tensor<Half>.Create([2, 1, 2, 512], step.Stream);
        using var wide = Tensor<BFloat16>.Create([2, 1, 2, 580], step.Stream);
        using var odd = wide.AsSlice(3, 0, 576);
        using var one = step.Lengths.AsSlice(0, 0, 1);

        step.Invoking(s => s.Decode(q: host))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("q: expected a tensor on cuda:0*cpu*");
        step.Invoking(s => s.Decode(q: floats))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("q: *BFloat16 queries, got Float32");
        step.Invoking(s => s.Decode(output: half))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("output: *BFloat16 or Float32, got Float16");
        step.Invoking(s => s.Decode(q: odd))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("Decode: q: expected an address and strides of multiples of 16 bytes");
        step.Invoking(s => s.Decode(lengths: one))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("cacheSeqlens: *[2]*[1]*");
    }

    [CudaFact]
    public void Decode_NeverUpdatedOrOtherBatch_Throws()
    {
        using var step = new Step([100, 3]);
        using var plan = MlaDecodePlan.Create(Device.Cuda(0), step.Plan.Options);

        step.Invoking(s => s.Decode(plan: plan))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*never updated*");
        plan.Update([7], step.Stream);
        step.Invoking(s => s.Decode(plan: plan))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*updated for 1 requests*");
    }

    [CudaFact]
    public void Decode_EmptyBatch_GivesEmptyResults()
    {
        using var step = new Step([]);

        using var output = step.Decode().Out;

        output.Shape.ToString().Should().Be("[0,1,2,512]");
    }

    [CudaFact]
    public void Decode_EverythingDisposedAtOnce_ComputesFirst()
    {
        using var expected = new Step([130, 5]);
        var want = expected.Decode().Out.As<BFloat16>().ToArray(expected.Stream);
        using var step = new Step([130, 5]);

        var state = step.Decode();
        step.DisposeTensors();

        state.Out.As<BFloat16>().ToArray(step.Stream).Should().Equal(want);
    }

    [CudaFact]
    public void Decode_Warm_AllocatesNothing()
    {
        using var step = new Step([70]);
        using var output = Tensor<BFloat16>.Create([1, 1, 2, 512], step.Stream);
        using var lse = Tensor<float>.Create([1, 2, 1], step.Stream);
        int[] lengths = [70];

        var bytes = AllocationMeasure.OfWarm(
            () =>
            {
                step.Plan.Update(lengths, step.Stream);
                step.Decode(output: output, logSumExp: lse);
                step.Stream.Synchronize();
            },
            calls: 3
        );

        bytes.Should().Be(0);
    }

    [CudaFact]
    public void Decode_CapturedInAGraph_FollowsLaterUpdates()
    {
        using var step = new Step([130, 40]);
        using var output = Tensor<BFloat16>.Create([2, 1, 2, 512], step.Stream);
        using var lse = Tensor<float>.Create([2, 2, 1], step.Stream);
        step.Decode(output: output, logSumExp: lse);
        step.Stream.Synchronize();
        step.Stream.BeginCapture();
        step.Invoking(s => s.Plan.Update([1, 1], s.Stream))
            .Should()
            .Throw<InvalidOperationException>();
        step.Decode(output: output, logSumExp: lse);
        using var graph = step.Stream.EndCapture();
        using var executable = graph.Instantiate();

        step.Plan.Update([65, 130], step.Stream);
        step.Lengths.CopyFrom([65, 130], step.Stream);
        executable.Launch(step.Stream);
        var replayed = output.ToArray(step.Stream);
        step.Decode(output: output, logSumExp: lse);

        replayed.Should().Equal(output.ToArray(step.Stream));
        using var other = new Step([65, 130]);
        other.Decode().Out.As<BFloat16>().ToArray(other.Stream).Should().Equal(replayed);
    }

    [CudaFact]
    public void Dispose_OfAPlan_FreesDeviceMemory()
    {
        using (var warm = new Step([5]))
            warm.Decode().Out.Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = DeviceMemory.LiveBytes;
        using (var step = new Step([300]))
        {
            var state = step.Decode();
            state.Out.Dispose();
            state.LogSumExp.Dispose();
        }

        DeviceMemory.LiveBytes.Should().Be(before);
    }

    /// <summary>One decode step of two heads on device memory; the values depend on nothing but their place.</summary>
    private sealed class Step : IDisposable
    {
        private readonly Tensor<BFloat16> _q;
        private readonly Tensor<BFloat16> _cache;
        private readonly Tensor<int> _table;

        public Step(int[] lengths)
        {
            NativeLibraries.Require("deepinfra_flashmla");
            const int Columns = 5;
            var batch = lengths.Length;
            using var q = Tensor<BFloat16>.Create([batch, 1, 2, 576]);
            using var cache = Tensor<BFloat16>.Create([batch * Columns + 1, 64, 1, 576]);
            using var table = Tensor<int>.Create([batch, Columns]);
            Fill(q, 1);
            Fill(cache, 2);
            for (var i = 0; i < batch; i++)
            for (var j = 0; j < Columns; j++)
                table[i, j] = i * Columns + j;
            Stream = new CudaStream(Device.Cuda(0));
            _q = q.ToDevice(Stream.Device, Stream);
            _cache = cache.ToDevice(Stream.Device, Stream);
            _table = table.ToDevice(Stream.Device, Stream);
            using var host = Tensor<int>.FromSpan(lengths, [batch]);
            Lengths = host.ToDevice(Stream.Device, Stream);
            Plan = MlaDecodePlan.Create(
                Device.Cuda(0),
                new MlaDecodeOptions { Shape = MlaShape.DeepSeekV3(2), MaxBatch = 3 }
            );
            Plan.Update(lengths, Stream);
        }

        public CudaStream Stream { get; }

        public MlaDecodePlan Plan { get; }

        public Tensor<int> Lengths { get; }

        public AttentionState Decode(
            MlaDecodePlan? plan = null,
            Tensor? q = null,
            Tensor<int>? lengths = null,
            Tensor? output = null,
            Tensor<float>? logSumExp = null,
            bool withStream = true
        ) =>
            MlaAttention.Decode(
                plan ?? Plan,
                q ?? _q,
                new KvBlocks(_cache, KvCacheFormat.BFloat16),
                _table,
                lengths ?? Lengths,
                output,
                logSumExp,
                withStream ? Stream : null
            );

        public void DisposeTensors()
        {
            Plan.Dispose();
            foreach (var tensor in new Tensor[] { _q, _cache, _table, Lengths })
                tensor.Dispose();
        }

        public void Dispose()
        {
            DisposeTensors();
            Stream.Dispose();
        }

        private static void Fill(Tensor<BFloat16> tensor, ulong seed)
        {
            var random = new DeterministicRandom(seed);
            foreach (ref var value in tensor.AsSpan())
                value = (BFloat16)((float)random.NextNormal() * 0.1f);
        }
    }
}
