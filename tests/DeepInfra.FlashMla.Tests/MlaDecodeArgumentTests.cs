// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.FlashMla.Tests;

/// <summary>Each rule about decode arguments once.</summary>
public sealed unsafe class MlaDecodeArgumentTests : IDisposable
{
    private readonly KvBlocks _cache = KvBlocks.Allocate(KvCacheFormat.BFloat16, 4, 64);
    private readonly Tensor<int> _table = Tensor<int>.FromSpan([0, 1, 2, 3], [2, 2]);
    private readonly Tensor<int> _lengths = Tensor<int>.FromSpan([100, 3], [2]);
    private readonly Tensor<BFloat16> _q = Tensor<BFloat16>.Create([2, 1, 4, 576]);
    private readonly MlaDecodePlan _plan = MlaDecodePlan.Create(Device.Cpu, Options);

    public MlaDecodeArgumentTests() => _plan.Update(_lengths);

    private static MlaDecodeOptions Options =>
        new() { Shape = MlaShape.DeepSeekV3(4), MaxBatch = 2 };

    public void Dispose()
    {
        _plan.Dispose();
        _cache.Data.Dispose();
        _table.Dispose();
        _lengths.Dispose();
        _q.Dispose();
    }

    [Fact]
    public void Decode_NullArguments_Throw()
    {
        Null("plan", () => MlaAttention.Decode(null!, _q, _cache, _table, _lengths));
        Null("q", () => MlaAttention.Decode(_plan, null!, _cache, _table, _lengths));
        Null("cache", () => MlaAttention.Decode(_plan, _q, default, _table, _lengths));
        Null("blockTable", () => MlaAttention.Decode(_plan, _q, _cache, null!, _lengths));
        Null("cacheSeqlens", () => MlaAttention.Decode(_plan, _q, _cache, _table, null!));
    }

    [Fact]
    public void Decode_DisposedTensors_Throw()
    {
        var q = Tensor<BFloat16>.Create(_q.Shape);
        q.Dispose();

        FluentActions
            .Invoking(() => MlaAttention.Decode(_plan, q, _cache, _table, _lengths))
            .Should()
            .Throw<ObjectDisposedException>();
        _plan.Dispose();
        FluentActions
            .Invoking(() => MlaAttention.Decode(_plan, _q, _cache, _table, _lengths))
            .Should()
            .Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Decode_SharedMemory_Throws()
    {
        using var output = Tensor<float>.Create([2, 1, 4, 512]);
        using var inQuery = Tensor<BFloat16>.Wrap(_q.DataPointer, [2, 1, 4, 512]);
        using var inCache = Tensor<float>.Wrap((float*)_cache.Data.DataPointer, [2, 1, 4, 512]);
        using var lseInTable = Tensor<float>.Wrap(
            (float*)_table.DataPointer,
            [2, 4, 1],
            new Strides(4, 1, 1)
        );
        using var lseInOutput = Tensor<float>.Wrap(output.DataPointer + 7, [2, 4, 1]);
        using var repeated = Tensor<float>.Wrap(
            output.DataPointer,
            [2, 1, 4, 512],
            new Strides(0, 0, 512, 1)
        );

        Bad("output", "output: expected memory of its own*shared with q*", output: inQuery);
        Bad("output", "output: expected memory of its own*shared with cache*", output: inCache);
        Bad("logSumExp", "logSumExp: *shared with blockTable*", lse: lseInTable);
        Bad("logSumExp", "logSumExp: *shared with output*", output: output, lse: lseInOutput);
        Bad("output", "output: expected strides that give every element*", output: repeated);
    }

    [Fact]
    public void IsCompatible_Arguments_AreCheckedFirst()
    {
        using var matrix = Tensor<int>.Create([2, 1]);
        using var strided = Tensor<int>.Create([2, 2]);
        using var onDevice = Tensor<int>.Wrap((int*)256, [2], device: Device.Cuda(0));
        using var other = Tensor<int>.FromSpan([100, 4], [2]);

        _plan.IsCompatible(_q, _cache, _lengths, out var reason).Should().BeTrue();
        reason.Should().BeNull();
        _plan.IsCompatible(_q, _cache, other, out reason).Should().BeFalse();
        reason.Should().Contain("lengths changed");
        Null("cache", () => _plan.IsCompatible(_q, default, _lengths, out _));
        Invoking(matrix).Should().Throw<ArgumentException>().WithMessage("*[b]*[2,1]*");
        Invoking(strided.AsSelected(1, 0))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*contiguous*");
        Invoking(onDevice)
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("cacheSeqlens: expected a tensor on cpu*cuda:0*");

        Action Invoking(Tensor<int> lengths) =>
            () => _plan.IsCompatible(_q, _cache, lengths, out _);
    }

    [Fact]
    public void Dispose_WhileACallUsesThePlan_FreesWhenItEnds()
    {
        using var plan = MlaDecodePlan.Create(
            Device.Cpu,
            Options with
            {
                Cpu = new() { MaxDegreeOfParallelism = 4 },
            }
        );
        plan.Update([1000]);
        plan.WorkspaceBytes.Should().BePositive();
        plan.Enter();

        plan.Dispose();

        plan.WorkspaceBytes.Should().BePositive();
        plan.Leave();
        plan.WorkspaceBytes.Should().Be(0);
        plan.Invoking(p => p.Update([1000])).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Update_WithoutMemoryForTheWorkspace_LeavesThePlanUnusable()
    {
        // More bytes of accumulators than a process has addresses.
        using var plan = MlaDecodePlan.Create(
            Device.Cpu,
            new()
            {
                Shape = new MlaShape(127, 1, 65_536, 65_536),
                QueryTokens = 1 << 24,
                MaxBatch = 1,
                Cpu = new() { MaxDegreeOfParallelism = 4 },
            }
        );
        using var lengths = Tensor<int>.FromSpan([1000], [1]);

        plan.Invoking(p => p.Update(lengths)).Should().Throw<OutOfMemoryException>();

        plan.StaleLengths(lengths).Should().Contain("never updated");
    }

    [Fact]
    public void Create_UnlimitedParallelism_PlansForThePoolOnly()
    {
        using var plan = MlaDecodePlan.Create(
            Device.Cpu,
            Options with
            {
                Cpu = new() { MaxDegreeOfParallelism = int.MaxValue },
            }
        );

        plan.Update(_lengths);

        plan.PartCount.Should().Be(Core.Cpu.CpuParallel.MaxThreads);
        MlaAttention.Decode(plan, _q, _cache, _table, _lengths);
    }

    [Fact]
    public void Decode_SeveralMistakes_AreReportedInOrder()
    {
        // Type before rank, rank before shape, shape before strides, strides before values.
        using var ints = Tensor<int>.Create([2, 3]);
        using var outside = Tensor<int>.FromSpan([0, 0, 9, 0, 2, 0, 3, 0], [2, 2, 2]);
        using var shape = Tensor<BFloat16>.Create([2, 1, 575, 4]);

        Bad("q", "*Int32*", q: ints);
        Bad("q", "*[b,1,4,576]*[2,1,4,575]*", q: shape.AsTransposed());
        Bad("blockTable", "*contiguous last axis*", table: outside.AsSelected(2, 0));
    }

    [Fact]
    public void Decode_BatchOfAnotherSize_Throws()
    {
        using var q = Tensor<BFloat16>.Create([1, 1, 4, 576]);
        using var table = Tensor<int>.Create([1, 2]);
        using var lengths = Tensor<int>.FromSpan([100], [1]);

        Bad("cacheSeqlens", "*updated for 2 requests, got [1]*", q, null, table, lengths);
    }

    [Fact]
    public void Decode_PlanInUse_Throws()
    {
        _plan.Enter();

        FluentActions
            .Invoking(() => MlaAttention.Decode(_plan, _q, _cache, _table, _lengths))
            .Should()
            .Throw<InvalidOperationException>()
            .WithMessage("*in use by another call*");
        FluentActions
            .Invoking(() => _plan.Update(_lengths))
            .Should()
            .Throw<InvalidOperationException>();

        _plan.Leave();
        MlaAttention.Decode(_plan, _q, _cache, _table, _lengths);
    }

    [Fact]
    public void Decode_WrongQuery_Throws()
    {
        using var ints = Tensor<int>.Create(_q.Shape);
        using var rank3 = Tensor<BFloat16>.Create([2, 4, 576]);
        using var dim = Tensor<BFloat16>.Create([2, 1, 4, 512]);
        using var heads = Tensor<BFloat16>.Create([2, 1, 8, 576]);
        using var tokens = Tensor<BFloat16>.Create([2, 2, 4, 576]);
        using var strided = Tensor<BFloat16>.Create([2, 1, 576, 4]);

        Bad("q", "*BFloat16, Float16 or Float32*Int32*", q: ints);
        Bad("q", "*[b, s, h, D]*[2,4,576]*", q: rank3);
        Bad("q", "*[b,1,4,576]*[2,1,4,512]*", q: dim);
        Bad("q", "*[b,1,4,576]*[2,1,8,576]*", q: heads);
        Bad("q", "*[b,1,4,576]*[2,2,4,576]*", q: tokens);
        Bad("q", "*contiguous last axis*", q: strided.AsTransposed());
    }

    [Fact]
    public void Decode_CacheThatDoesNotFitThePlan_Throws()
    {
        var page = KvBlocks.Allocate(KvCacheFormat.BFloat16, 4, 32);
        var heads = KvBlocks.Allocate(KvCacheFormat.BFloat16, 4, 64, kvHeads: 2);
        var fp8 = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 4, 64);

        Bad("cache", "*page size of 64, got 32*", cache: page);
        Bad("cache", "*1 KV heads of 576, got 2 of 576*", cache: heads);
        Bad("cache", "*format BFloat16, got Fp8V32*", cache: fp8);
        page.Data.Dispose();
        heads.Data.Dispose();
        fp8.Data.Dispose();
    }

    [Fact]
    public void Decode_WrongTables_Throw()
    {
        using var rank1 = Tensor<int>.Create([2]);
        using var batch = Tensor<int>.Create([3, 2]);
        using var narrow = Tensor<int>.Create([2, 1]);
        using var strided = Tensor<int>.Create([2, 2, 2]);
        using var outside = Tensor<int>.FromSpan([0, 4, 2, 3], [2, 2]);
        using var negative = Tensor<int>.FromSpan([0, -1, 2, 3], [2, 2]);
        using var garbageTail = Tensor<int>.FromSpan([0, 1, 2, 2_147_480_000], [2, 2]);

        Bad("blockTable", "*[b, blocks]*[2]*", table: rank1);
        Bad("blockTable", "*[2,2]*[3,2]*", table: batch);
        Bad("cacheSeqlens", "*100 tokens need 2 blocks of 64*1 columns*", table: narrow);
        Bad("blockTable", "*contiguous last axis*", table: strided.AsSelected(2, 0));
        Bad("blockTable", "*blockTable[0,1]*[0,4), got 4*", table: outside);
        Bad("blockTable", "*blockTable[0,1]*[0,4), got -1*", table: negative);
        MlaAttention.Decode(_plan, _q, _cache, garbageTail, _lengths);
    }

    [Fact]
    public void Decode_WrongLengths_Throw()
    {
        using var shape = Tensor<int>.Create([3]);
        using var strided = Tensor<int>.FromSpan([100, 0, 3, 0], [2, 2]);
        using var negative = Tensor<int>.FromSpan([100, -3], [2]);
        using var changed = Tensor<int>.FromSpan([100, 4], [2]);

        Bad("cacheSeqlens", "*[2]*[3]*", lengths: shape);
        Bad("cacheSeqlens", "*contiguous last axis*", lengths: strided.AsSelected(1, 0));
        Bad("cacheSeqlens", "*cacheSeqlens[1]*-3*", lengths: negative);
        Bad("cacheSeqlens", "*changed since the plan was updated*", lengths: changed);
        _plan.IsCompatible(_q, _cache, changed, out var reason).Should().BeFalse();
        reason.Should().Contain("changed");
        _plan.IsCompatible(_q, _cache, _lengths, out reason).Should().BeTrue();
        reason.Should().BeNull();
    }

    [Fact]
    public void Decode_PlanNeverUpdated_Throws()
    {
        using var plan = MlaDecodePlan.Create(Device.Cpu, Options);

        FluentActions
            .Invoking(() => MlaAttention.Decode(plan, _q, _cache, _table, _lengths))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*never updated*");
    }

    [Fact]
    public void Decode_WrongOutputs_Throw()
    {
        using var shape = Tensor<BFloat16>.Create([2, 1, 4, 576]);
        using var type = Tensor<int>.Create([2, 1, 4, 512]);
        using var strided = Tensor<BFloat16>.Create([2, 1, 512, 4]);
        using var lse = Tensor<float>.Create([2, 1, 4]);

        Bad("output", "*[2,1,4,512]*[2,1,4,576]*", output: shape);
        Bad("output", "*Int32*", output: type);
        Bad("output", "*contiguous last axis*", output: strided.AsTransposed());
        Bad("logSumExp", "*[2,4,1]*[2,1,4]*", lse: lse);
    }

    [Fact]
    public void Decode_TensorOfAnotherDevice_Throws()
    {
        using var q = Tensor<BFloat16>.Wrap((BFloat16*)256, [2, 1, 4, 576], device: Device.Cuda(0));
        using var lengths = Tensor<int>.Wrap((int*)256, [2], device: Device.Cuda(0));

        Bad("q", "q: expected a tensor on cpu, the device of the plan, got one on cuda:0*", q: q);
        _plan
            .Invoking(p => p.Update(lengths))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("cacheSeqlens: schedules are made on the CPU*cuda:0*");
        _plan
            .Invoking(p => p.Update(_lengths, null!))
            .Should()
            .Throw<ArgumentNullException>()
            .WithParameterName("stream");
    }

    [Fact]
    public void CreatePlan_WithoutCudaKernels_ThrowsWithReason()
    {
        Refused(Options with { TopK = 64 }, "TopK: sparse decode has no CUDA kernels*");
        Refused(
            Options with
            {
                Format = KvCacheFormat.Float16,
            },
            "Format: caches of Float16*BFloat16, Fp8V32, Fp8Model1"
        );
        Refused(
            Options with
            {
                Shape = new MlaShape(4, 1, 320, 256),
            },
            "Shape: CUDA kernels exist for HeadDim 576 or 512 with ValueDim 512, got 320 and 256"
        );

        static void Refused(MlaDecodeOptions options, string message) =>
            FluentActions
                .Invoking(() => MlaDecodePlan.Create(Device.Cuda(0), options))
                .Should()
                .Throw<NotSupportedException>()
                .WithMessage(message);
    }

    [Fact]
    public void CreatePlan_WithoutDriver_NamesTheMissingLibrary()
    {
        Assert.SkipWhen(CudaDevice.IsAvailable, "this process has a CUDA driver");

        FluentActions
            .Invoking(() => MlaDecodePlan.Create(Device.Cuda(0), Options))
            .Should()
            .Throw<NativeLibraryNotFoundException>();
        var capabilities = MlaAttention.GetCapabilities(Device.Cuda(0));
        capabilities.DecodeFormats.Should().BeEmpty();
        capabilities.Reason.Should().NotBeNull();
        MlaAttention.GetCapabilities(Device.Cpu).DecodeFormats.Should().HaveCount(4);
    }

    [Fact]
    public void Decode_EmptyBatch_ReturnsEmptyResults()
    {
        using var q = Tensor<BFloat16>.Create([0, 1, 4, 576]);
        using var table = Tensor<int>.Create([0, 1]);
        using var lengths = Tensor<int>.Create([0]);
        _plan.Update(lengths);

        var state = MlaAttention.Decode(_plan, q, _cache, table, lengths);

        (state.Out.Shape == [0, 1, 4, 512]).Should().BeTrue();
        state.LogSumExp.ElementCount.Should().Be(0);
    }

    [Fact]
    public void Update_WrongLengths_Throw()
    {
        using var three = Tensor<int>.Create([3]);

        FluentActions
            .Invoking(() => _plan.Update(three))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*MaxBatch = 2*3*");
        FluentActions
            .Invoking(() => _plan.Update([1, -1]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*cacheSeqlens[1]*-1*");
    }

    [Fact]
    public void Create_WrongOptions_Throw()
    {
        Option(new() { QueryTokens = 0 }, "QueryTokens");
        Option(new() { PageSize = 0 }, "PageSize");
        Option(new() { MaxBatch = -1 }, "MaxBatch");
        Option(new() { MaxBatch = int.MaxValue }, "MaxBatch");
        Option(new() { QueryTokens = int.MaxValue }, "QueryTokens");
        Option(new() { SplitPolicy = (SplitPolicy)7 }, "SplitPolicy");
        Option(new() { LogSumExpBase = (LogSumExpBase)7 }, "LogSumExpBase");
        Option(new() { EmptyLogSumExp = (EmptyLogSumExp)7 }, "EmptyLogSumExp");
        Option(new() { Shape = new MlaShape(4, 1, 65_537, 512) }, "Shape");
        Option(new() { FixedSplitSize = 100 }, "FixedSplitSize");
        Option(new() { SoftmaxScale = float.NaN }, "SoftmaxScale");
        Option(new() { SoftmaxScale = float.PositiveInfinity }, "SoftmaxScale");
        Option(new() { Format = (KvCacheFormat)9 }, "Format");
        Option(new() { Shape = new MlaShape(3, 2, 576, 512) }, "Shape");
        Option(new() { Shape = new MlaShape(4, 1, 512, 576) }, "Shape");
        Option(
            new() { Shape = new MlaShape(4, 1, 512, 512), Format = KvCacheFormat.Fp8V32 },
            "Shape"
        );
        FluentActions
            .Invoking(() =>
                MlaDecodePlan.Create(
                    Device.Cpu,
                    new() { Shape = new MlaShape(4, 2, 576, 512), Format = KvCacheFormat.Fp8V32 }
                )
            )
            .Should()
            .Throw<NotSupportedException>();
    }

    private static void Option(MlaDecodeOptions options, string name) =>
        FluentActions
            .Invoking(() => MlaDecodePlan.Create(Device.Cpu, options))
            .Should()
            .Throw<ArgumentException>()
            .WithParameterName(name);

    private static void Null(string name, Action action) =>
        action.Should().Throw<ArgumentNullException>().WithParameterName(name);

    private void Bad(
        string name,
        string message,
        Tensor? q = null,
        KvBlocks? cache = null,
        Tensor<int>? table = null,
        Tensor<int>? lengths = null,
        Tensor? output = null,
        Tensor<float>? lse = null
    ) =>
        FluentActions
            .Invoking(() =>
                MlaAttention.Decode(
                    _plan,
                    q ?? _q,
                    cache ?? _cache,
                    table ?? _table,
                    lengths ?? _lengths,
                    output,
                    lse
                )
            )
            .Should()
            .Throw<ArgumentException>()
            .WithMessage(message)
            .WithParameterName(name);
}
