// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Cuda.Tests;

/// <summary>Clusters, cooperative grids, early start and occupancy, through the managed API.</summary>
public sealed unsafe class LaunchTests : DeviceTest
{
    private const int SharedBytes = 128;

    private static readonly Device s_device = Device.Cuda(0);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Cluster_Blocks_ShareTheirMemory(int size) => Exchange(size);

    [Fact]
    public void Cluster_OfSixteen_NeedsPermission()
    {
        var kernel = TestKernels.Load("exchange");
        if (CudaDevice.IsSimulated)
            FluentActions
                .Invoking(() => Exchange(16))
                .Should()
                .Throw<CudaException>()
                .Which.Code.Should()
                .Be(CudaErrorCode.InvalidClusterSize);

        kernel.AllowNonPortableClusterSize(s_device);

        Exchange(16);
    }

    [Fact]
    public void Cluster_GridIsNoMultiple_Throws()
    {
        var kernel = TestKernels.Load("exchange");
        using var values = Tensor<uint>.Create([96], Stream);
        var output = (nint)values.DataPointer;

        var launch = () =>
            kernel.Launch(
                new LaunchConfig(3, 32, SharedBytes) { Cluster = new Dim3(2, 1, 1) },
                Stream,
                output
            );

        launch.Should().Throw<ArgumentException>().WithMessage("config.Grid*");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public void Cooperative_Blocks_WaitForEachOther(int blocks)
    {
        using var counter = Tensor<uint>.Create([1], Stream);
        using var values = Tensor<uint>.Create([blocks], Stream);
        using var result = Tensor<uint>.Create([blocks], Stream);
        counter.CopyFrom([0u], Stream);

        TestKernels
            .Load("meet")
            .Launch(
                new LaunchConfig(blocks, 32) { IsCooperative = true },
                Stream,
                (nint)counter.DataPointer,
                (nint)values.DataPointer,
                (nint)result.DataPointer
            );

        result
            .ToArray(Stream)
            .Should()
            .Equal(Enumerable.Range(0, blocks).Select(b => (uint)((b + 1) % blocks) + 1));
    }

    [Fact]
    public void Cooperative_MoreBlocksThanFit_Throws()
    {
        using var values = Tensor<uint>.Create([1], Stream);
        var kernel = TestKernels.Load("meet");
        var device = CudaDevice.Get(0);
        var blocks = kernel.GetMaxActiveBlocks(s_device, 1024) * device.MultiprocessorCount + 1;
        var p = (nint)values.DataPointer;

        var launch = () =>
            kernel.Launch(new LaunchConfig(blocks, 1024) { IsCooperative = true }, Stream, p, p, p);

        launch
            .Should()
            .Throw<CudaException>()
            .Which.Code.Should()
            .Be(CudaErrorCode.CooperativeLaunchTooLarge);
        Stream.Synchronize();
    }

    [Fact]
    public void EarlyStart_KernelThatWaits_SeesWhatTheOneBeforeWrote()
    {
        using var data = Tensor<uint>.Create([32], Stream);
        using var result = Tensor<uint>.Create([32], Stream);
        var (first, second) = (TestKernels.Load("first"), TestKernels.Load("second"));

        for (var round = 0; round < 20; round++)
        {
            first.Launch(new LaunchConfig(1, 32), Stream, (nint)data.DataPointer, (uint)round);
            second.Launch(
                new LaunchConfig(1, 32) { AllowsEarlyStart = true },
                Stream,
                (nint)data.DataPointer,
                (nint)result.DataPointer,
                1
            );
        }

        result.ToArray(Stream).Should().Equal(Enumerable.Range(19, 32).Select(v => (uint)v));
    }

    [Fact]
    public void EarlyStart_AfterACopy_NeedsNoWait()
    {
        using var data = Tensor<uint>.Create([32], Stream);
        using var result = Tensor<uint>.Create([32], Stream);
        data.CopyFrom([.. Enumerable.Range(0, 32).Select(v => (uint)v)], Stream);

        TestKernels
            .Load("second")
            .Launch(
                new LaunchConfig(1, 32) { AllowsEarlyStart = true },
                Stream,
                (nint)data.DataPointer,
                (nint)result.DataPointer,
                0
            );

        result.ToArray(Stream)[31].Should().Be(31);
    }

    [Theory]
    [InlineData(1024, 0, 2)]
    [InlineData(256, 0, 8)]
    [InlineData(128, 100 << 10, 2)]
    [InlineData(128, 200 << 10, 1)]
    public void GetMaxActiveBlocks_OnSm90_FollowsThreadsAndSharedMemory(
        int threads,
        int sharedBytes,
        int blocks
    )
    {
        Assert.SkipUnless(CudaDevice.Get(0).ComputeCapability == 90, "figures of sm_90");

        TestKernels
            .Load("add")
            .GetMaxActiveBlocks(s_device, threads, sharedBytes)
            .Should()
            .Be(blocks);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void GetMaxActiveClusters_LargerSharedMemory_FitsFewer(int size)
    {
        var kernel = TestKernels.Load("exchange");
        var config = new LaunchConfig(size, 128) { Cluster = new Dim3(size, 1, 1) };

        var many = kernel.GetMaxActiveClusters(s_device, config);
        var few = kernel.GetMaxActiveClusters(
            s_device,
            config with
            {
                DynamicSharedBytes = 200 << 10,
            }
        );

        few.Should().BePositive().And.BeLessThan(many);
        // One block per multiprocessor; the simulator has no groups of them that clusters must stay in.
        if (CudaDevice.IsSimulated)
            few.Should().Be(CudaDevice.Get(0).MultiprocessorCount / size);
    }

    [Fact]
    public void GetMaxActiveClusters_WithoutCluster_Throws() =>
        TestKernels
            .Load("exchange")
            .Invoking(k => k.GetMaxActiveClusters(s_device, new LaunchConfig(4, 32)))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("config: expected a launch with a cluster*");

    private void Exchange(int size)
    {
        const int Clusters = 3;
        using var values = Tensor<uint>.Create([Clusters * size * 32], Stream);

        TestKernels
            .Load("exchange")
            .Launch(
                new LaunchConfig(Clusters * size, 32, SharedBytes)
                {
                    Cluster = new Dim3(size, 1, 1),
                },
                Stream,
                (nint)values.DataPointer
            );

        values
            .ToArray(Stream)
            .Should()
            .Equal(
                Enumerable
                    .Range(0, Clusters * size * 32)
                    .Select(i => (uint)(((i / 32) + size - 1) % size * 100 + (i % 32)))
            );
    }
}
