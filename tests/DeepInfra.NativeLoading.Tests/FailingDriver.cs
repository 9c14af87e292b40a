// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Jit;
using DeepInfra.NativeLoading.Tests.Fakes;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>Tests for a child process on the fake driver; see <see cref="DriverErrorTests"/>.</summary>
public class FailingDriver
{
    private static readonly byte[] s_image = [1, 2, 3];

    public FailingDriver() => Scenario.Require("errors");

    [ScenarioTest]
    public void Allocate_OutOfMemory_TriesAgainAfterTrimmingAndTellsHowMuch()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var oom = FakeControl.Set("oom", 1);
        FakeControl.TakeLog();

        var e = FluentActions
            .Invoking(() => Tensor<float>.Create([1000], stream))
            .Should()
            .Throw<CudaOutOfMemoryException>()
            .Which;

        e.RequestedBytes.Should().Be(4000);
        e.FreeBytes.Should().Be(1000);
        e.TotalBytes.Should().Be(1 << 30);
        e.Code.Should().Be(CudaErrorCode.OutOfMemory);
        e.IsSticky.Should().BeFalse();
        e.Message.Should().Contain("4000 bytes on cuda:0").And.Contain("Dispose tensors");
        FakeControl.TakeLog().Should().Contain("trim");
        FluentActions
            .Invoking(() => PinnedMemory.Allocate(1 << 20, Device.Cuda(0)))
            .Should()
            .Throw<CudaOutOfMemoryException>();
    }

    [ScenarioTest]
    public void Dispose_UsedOnTwoStreams_FreesAfterBothOnTheLastOne()
    {
        using var first = new CudaStream(Device.Cuda(0));
        using var second = new CudaStream(Device.Cuda(0));
        var x = Tensor<int>.Create([4], first);
        x.RecordStream(second);
        FakeControl.TakeLog();

        x.Dispose();

        var log = FakeControl.TakeLog();
        log.Should().HaveCount(3);
        log[0].Should().MatchRegex($"record 0x[0-9a-f]+ on 0x{first.Handle:x}");
        log[1].Should().StartWith($"0x{second.Handle:x} waits for");
        log[2].Should().EndWith($"on 0x{second.Handle:x}").And.StartWith("free");
    }

    [ScenarioTest]
    public void Dispose_StreamDisposedBefore_StillOrdersTheRelease()
    {
        var stream = new CudaStream(Device.Cuda(0));
        var handle = stream.Handle;
        var x = Tensor<int>.Create([4], stream);
        FakeControl.TakeLog();

        stream.Dispose();
        x.Dispose();

        var log = FakeControl.TakeLog();
        log[0].Should().StartWith("free").And.EndWith($"on 0x{handle:x}");
        log[1].Should().Be($"destroy 0x{handle:x}");
    }

    [ScenarioTest]
    public void Dispose_WhileTheStreamCaptures_FreesLater()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        var x = Tensor<int>.Create([4], stream);
        FakeControl.TakeLog();
        using (FakeControl.Set("capturing", 1))
            x.Dispose();
        FakeControl.TakeLog().Should().BeEmpty();

        stream.Synchronize();

        FakeControl.TakeLog().Should().ContainSingle().Which.Should().StartWith("free");
    }

    [ScenarioTest]
    public void Pinned_InUseByAStream_IsNotHandedOutAgain()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        PinnedMemory.TrimPool();
        FakeControl.TakeLog();
        var first = PinnedMemory.Allocate(5000, Device.Cuda(0));
        var address = Address(first);
        first.RecordStream(stream);
        using (FakeControl.Set("busy", 1))
        {
            first.Dispose();
            using var second = PinnedMemory.Allocate(5000, Device.Cuda(0));
            Address(second).Should().NotBe(address);
        }

        PinnedMemory.TrimPool();

        FakeControl
            .TakeLog()
            .Count(l => l.StartsWith("unpin", StringComparison.Ordinal))
            .Should()
            .Be(2);
        PinnedMemory.ReservedBytes.Should().Be(0);
        PinnedMemory.LiveBytes.Should().Be(0);

        static unsafe nint Address(PinnedMemory memory) => (nint)memory.Pointer;
    }

    [ScenarioTest]
    public void CreateUseDispose_ThousandTimes_LeavesNothing()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        FakeControl.TakeLog();
        for (var i = 0; i < 1000; i++)
        {
            using var x = Tensor<float>.Create([i % 10, 3], stream);
            using var view = x.AsTransposed();
            using var e = new CudaEvent(Device.Cuda(0));
            e.Record(stream);
            x.RecordStream(stream);
            DeviceMemory.LiveCount.Should().Be(1);
        }

        (DeviceMemory.LiveBytes, DeviceMemory.LiveCount).Should().Be((0, 0));
        var log = FakeControl.TakeLog();
        log.Count(l => l.StartsWith("alloc", StringComparison.Ordinal)).Should().Be(1000);
        log.Count(l => l.StartsWith("free", StringComparison.Ordinal)).Should().Be(1000);
    }

    [ScenarioTest]
    public void Load_ImageForOtherDevices_SaysSo()
    {
        using var refused = FakeControl.Set("image", 209);

        FluentActions
            .Invoking(() => CudaLibrary.Load(s_image, "mine"))
            .Should()
            .Throw<CudaException>()
            .WithMessage(
                "cuLibraryLoadData of mine failed with CUDA_ERROR_NO_BINARY_FOR_GPU (209)*compute capability*"
            );
    }

    [ScenarioTest]
    public void Load_CompilerNewerThanTheDriver_NamesBothVersions()
    {
        using var refused = FakeControl.Set("image", 222);
        using var directory = new TempDirectory();
        using var cache = Open(directory, "nvrtc libnvrtc.so.13.0.48 13.0 --std=c++20");
        var spec = new KernelSpec("k", "x", "sm_90a") { EntrySymbol = "k" };

        var e = cache
            .Invoking(c => c.Load(spec, Device.Cuda(0)))
            .Should()
            .Throw<CudaDriverTooOldException>()
            .Which;

        e.FoundVersion.Should().Be(12040);
        e.RequiredVersion.Should().Be(13000);
        e.InnerException.Should()
            .BeOfType<CudaException>()
            .Which.Code.Should()
            .Be(CudaErrorCode.UnsupportedPtxVersion);
        e.Message.Should()
            .Contain("Kernel k for sm_90a was compiled by NVRTC 13.0")
            .And.Contain("CUDA 12.4")
            .And.Contain("DEEPINFRA_NVRTC_PATH");
    }

    [ScenarioTest]
    public void Load_RefusedThoughTheDriverIsNewEnough_IsTheDriversAnswer()
    {
        using var refused = FakeControl.Set("image", 209);
        using var directory = new TempDirectory();
        using var cache = Open(directory, "nvrtc libnvrtc.so.12.4.127 12.4 --std=c++20");
        var spec = new KernelSpec("k", "x", "sm_90a") { EntrySymbol = "k" };

        cache
            .Invoking(c => c.Load(spec, Device.Cuda(0)))
            .Should()
            .ThrowExactly<CudaException>()
            .Which.Code.Should()
            .Be(CudaErrorCode.NoBinaryForGpu);
    }

    private static JitKernelCache Open(TempDirectory directory, string identity) =>
        new(new JitOptions { CacheDirectory = directory.Path }, new EchoCompiler(identity));

    [ScenarioTest]
    public void Load_KernelForAnotherArchitecture_SaysWhichToUse()
    {
        using var cache = new JitKernelCache();
        var spec = new KernelSpec("k", "x", "sm_80") { EntrySymbol = "k" };

        cache
            .Invoking(c => c.Load(spec, Device.Cuda(0)))
            .Should()
            .Throw<CudaException>()
            .WithMessage("Kernel k is compiled for sm_80*sm_90a*")
            .Which.Code.Should()
            .Be(CudaErrorCode.NoBinaryForGpu);
    }

    [ScenarioTest]
    public void GetKernel_Missing_NamesIt()
    {
        using var library = CudaLibrary.Load(s_image, "mine");

        library
            .Invoking(l => l.GetKernel("missing"))
            .Should()
            .Throw<CudaException>()
            .WithMessage("mine has no kernel 'missing'*");
    }

    [ScenarioTest]
    public void Launch_AllAttributes_ReachTheDriver()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var library = CudaLibrary.Load(s_image);
        FakeControl.TakeLog();
        var config = new LaunchConfig(new Dim3(8, 2, 1), 128, 100_000)
        {
            Cluster = new Dim3(4, 2, 1),
            IsCooperative = true,
            AllowsEarlyStart = true,
            Priority = 3,
        };

        library.GetKernel("k").Launch(config, stream, 42, 1.5f);
        library.GetKernel("k").Launch(config, stream, 43);

        FakeControl
            .TakeLog()
            .Should()
            .Equal(
                "attribute 8 = 100000",
                "launch 8x2x1 by 128x1x1 shared 100000 4:4,2,1 2:1,0,0 6:1,0,0 8:3,0,0 first 42",
                "launch 8x2x1 by 128x1x1 shared 100000 4:4,2,1 2:1,0,0 6:1,0,0 8:3,0,0 first 43"
            );
    }

    [ScenarioTest]
    public void Launch_Refused_NamesKernelAndConfiguration()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var library = CudaLibrary.Load(s_image);
        using var refused = FakeControl.Set("launch", 701);

        library
            .GetKernel("big")
            .Invoking(k => k.Launch(new LaunchConfig(2, 1024), stream))
            .Should()
            .Throw<CudaException>()
            .WithMessage(
                "Launch of big with grid (2,1,1), block (1024,1,1)*LAUNCH_OUT_OF_RESOURCES*Fewer threads*"
            );
    }

    [ScenarioTest]
    public void Launch_Impossible_NamesTheValue()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var library = CudaLibrary.Load(s_image);
        (LaunchConfig Config, string What)[] impossible =
        [
            (new LaunchConfig(-1, 32), "config.Grid"),
            (new LaunchConfig(new Dim3(1, 70000), 32), "config.Grid"),
            (new LaunchConfig(1, 0), "config.Block"),
            (new LaunchConfig(1, 1025), "config.Block"),
            (new LaunchConfig(1, new Dim3(1, 1, 65)), "config.Block"),
            (new LaunchConfig(1, 32, 300_000), "config.DynamicSharedBytes"),
            (new LaunchConfig(1, 32, -1), "config.DynamicSharedBytes"),
            (new LaunchConfig(3, 32) { Cluster = 2 }, "config.Grid"),
            (new LaunchConfig(32, 32) { Cluster = 32 }, "config.Cluster"),
            (new LaunchConfig(32, 32) { Cluster = new Dim3(2, 0, 1) }, "config.Cluster"),
        ];
        FakeControl.TakeLog();

        foreach (var (config, what) in impossible)
            library
                .GetKernel("k")
                .Invoking(k => k.Launch(config, stream))
                .Should()
                .Throw<ArgumentException>()
                .WithMessage($"{what}: expected*");

        FakeControl.TakeLog().Should().BeEmpty();
    }

    [ScenarioTest]
    public void EverythingDisposed_Throws()
    {
        var stream = new CudaStream(Device.Cuda(0));
        var e = new CudaEvent(Device.Cuda(0));
        var library = CudaLibrary.Load(s_image);
        var kernel = library.GetKernel("k");
        var memory = DeviceMemory.Allocate(16, stream);
        var pinned = PinnedMemory.Allocate(16, Device.Cuda(0));
        var tensor = Tensor<int>.Create([4], stream);
        IDisposable[] all = [e, library, memory, pinned, tensor];
        foreach (var one in all.Concat(all))
            one.Dispose();
        using (var live = new CudaStream(Device.Cuda(0)))
        {
            Throws(() => e.Record(live));
            Throws(() => e.IsCompleted.ToString());
            Throws(() => kernel.Launch(new LaunchConfig(1, 32), live));
            Throws(() => library.GetKernel("k"));
            Throws(() => memory.RecordStream(live));
            Throws(() => pinned.AsSpan<byte>().Clear());
            Throws(() => tensor.RecordStream(live));
            Throws(() => tensor.CopyFrom([1, 2, 3, 4], live));
        }
        stream.Dispose();
        stream.Dispose();
        Throws(() => stream.Synchronize());
        Throws(() => _ = stream.IsCompleted);
        Throws(() => _ = stream.Handle);
        Throws(() => stream.WaitAsync(TestContext.Current.CancellationToken).AsTask().Wait());
        Throws(() => stream.BeginCapture());
        Throws(() => Tensor<int>.Create([4], stream));

        static void Throws(Action action) => action.Should().Throw<ObjectDisposedException>();
    }

    [ScenarioTest]
    public void Info_NamesDriverAndDevices()
    {
        var text = DeepInfraInfo.Describe();

        text.Should().Contain("cuda:0: Fake 0").And.Contain("libcuda.so.1, CUDA 12.4");
    }

    [ScenarioTest]
    public void Get_OrdinalOutOfRange_TellsHowManyThereAre() =>
        FluentActions
            .Invoking(() => CudaDevice.Get(Device.Cuda(7)))
            .Should()
            .Throw<CudaException>()
            .WithMessage("There is no device cuda:7: the driver reports 1*");

    [ScenarioTest]
    public void Stream_OfTheCpu_Throws() =>
        FluentActions
            .Invoking(() => new CudaStream(Device.Cpu))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("device: expected a CUDA device, got cpu*");
}
