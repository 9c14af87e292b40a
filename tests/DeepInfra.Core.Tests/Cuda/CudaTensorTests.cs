// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cuda;

[Collection(nameof(CudaCollection))]
public class CudaTensorTests
{
    private static readonly Device s_device = Device.Cuda(0);

    [CudaFact]
    public void Create_MoreThanCanBeAddressed_Throws()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        Shape huge = [1L << 60, 4];

        var device = () => Tensor<double>.Create(huge, stream);
        var pinned = () => Tensor<double>.CreatePinned(huge, Device.Cuda(0));
        var pages = () => PinnedMemory.Allocate(long.MaxValue, Device.Cuda(0));

        device.Should().Throw<ArgumentOutOfRangeException>();
        pinned.Should().Throw<ArgumentOutOfRangeException>();
        pages.Should().Throw<CudaOutOfMemoryException>();
    }

    [CudaFact]
    public void Create_Zeroed_ReadsAsZero()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([3, 5], stream);

        x.Device.Should().Be(s_device);
        x.ToArray(stream).Should().Equal(new float[15]);
    }

    [CudaFact]
    public void CopyFromAndTo_HostSpans_RoundTrips()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<int>.Create([2, 3], stream, zeroed: false);

        x.CopyFrom([1, 2, 3, 4, 5, 6], stream);

        x.ToArray(stream).Should().Equal(1, 2, 3, 4, 5, 6);
    }

    [CudaFact]
    public void CopyTo_StridedViews_MovesTheSameElementsAsOnTheHost()
    {
        using var stream = new CudaStream(s_device);
        using var host = Tensor<int>.FromSpan([.. Enumerable.Range(0, 4 * 6 * 5)], [4, 6, 5]);
        using var device = host.ToDevice(s_device, stream);

        foreach (
            var view in new Func<Tensor<int>, Tensor<int>>[]
            {
                t => t.AsSlice(2, 1, 3),
                t => t.AsSlice(1, 2, 2),
                t => t.AsSelected(1, 3),
                t => t.AsTransposed(),
                t => t.AsTransposed(0, 2).AsSlice(0, 1, 2),
            }
        )
            view(device).ToArray(stream).Should().Equal(view(host).ToArray());
    }

    [CudaFact]
    public void CopyTo_StridedDestinationOnTheDevice_LeavesTheRest()
    {
        using var stream = new CudaStream(s_device);
        using var device = Tensor<int>.Create([2, 4], stream);
        using var columns = device.AsSlice(1, 1, 2);

        columns.CopyFrom([1, 2, 3, 4], stream);

        device.ToArray(stream).Should().Equal(0, 1, 2, 0, 0, 3, 4, 0);
    }

    [CudaFact]
    public async Task CopyTo_PinnedMemory_IsAsynchronousAndKeepsIt()
    {
        using var stream = new CudaStream(s_device);
        using var device = Tensor<int>.Create([1000], stream, zeroed: false);
        using var back = Tensor<int>.CreatePinned([1000], s_device);
        using (var host = Tensor<int>.CreatePinned([1000], s_device))
        {
            host.IsPinned.Should().BeTrue();
            host.AsSpan().Fill(7);
            host.CopyTo(device, stream);
        }
        // The block above is free to be handed out again, but only after the copy.
        using var other = Tensor<int>.CreatePinned([1000], s_device, zeroed: false);
        other.AsSpan().Fill(9);
        device.CopyTo(back, stream);
        await stream.WaitAsync(TestContext.Current.CancellationToken);

        back.AsSpan().ToArray().Should().OnlyContain(v => v == 7);
    }

    [CudaFact]
    public void CopyTo_OnTheDevice_Copies()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([4], stream);
        x.CopyFrom([1, 2, 3, 4], stream);

        using var y = x.ToDevice(s_device, stream);

        y.ToArray(stream).Should().Equal(1, 2, 3, 4);
    }

    [CudaFact(devices: 2)]
    public void CopyTo_AnotherDevice_Copies()
    {
        using var first = new CudaStream(Device.Cuda(0));
        using var second = new CudaStream(Device.Cuda(1));
        using var x = Tensor<int>.Create([4], first);
        using var y = Tensor<int>.Create([4], second);
        x.CopyFrom([1, 2, 3, 4], first);
        first.Wait(second);

        x.CopyTo(y, first);
        second.Wait(first);

        y.ToArray(second).Should().Equal(1, 2, 3, 4);
    }

    [CudaFact(devices: 2)]
    public void EnablePeerAccess_SimulatedOrLinkedDevices_HoldsForPoolMemory()
    {
        var (first, second) = (CudaDevice.Get(0), CudaDevice.Get(1));
        Assert.SkipUnless(first.CanAccessPeer(second), "the devices are not linked");
        first.EnablePeerAccess(second);
        first.EnablePeerAccess(second);
        using var stream = new CudaStream(first.Device);
        using var other = new CudaStream(second.Device);
        using var x = Tensor<float>.Create([32], other);
        stream.Wait(other);

        AddOne(x, stream);
        other.Wait(stream);

        x.ToArray(other).Should().OnlyContain(v => v == 1);
    }

    [CudaFact]
    public void CopyTo_BadArguments_NamesThem()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<int>.Create([4], stream);
        using var other = Tensor<int>.Create([5]);
        using var cpu = Tensor<int>.Create([4]);

        x.Invoking(t => t.CopyTo(other, stream))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("destination: expected Int32[4], got Int32[5]*");
        cpu.Invoking(t => t.CopyTo((Tensor)cpu, stream))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("stream: expected a stream of*");
        x.Invoking(t => t.CopyFrom([1], stream))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("elements: expected 4*");
        x.Invoking(t => t.AsSpan()).Should().Throw<InvalidOperationException>();
        x.Invoking(t => t.Fill(1)).Should().Throw<InvalidOperationException>();
    }

    [CudaFact]
    public void Scope_OnTheDevice_FreesEverything()
    {
        var before = (DeviceMemory.LiveCount, DeviceMemory.LiveBytes);
        using var stream = new CudaStream(s_device);
        using (new TensorScope())
            for (var i = 0; i < 10; i++)
                AddOne(Tensor<float>.Create([32], stream), stream);

        (DeviceMemory.LiveCount, DeviceMemory.LiveBytes).Should().Be(before);
        stream.Synchronize();
    }

    [CudaFact]
    public void Abandoned_DeviceTensors_AreFreedByTheCollector()
    {
        var before = DeviceMemory.LiveCount;
        using var stream = new CudaStream(s_device);
        Abandon(stream);

        for (var i = 0; i < 100 && DeviceMemory.LiveCount > before; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        DeviceMemory.LiveCount.Should().Be(before);

        [System.Runtime.CompilerServices.MethodImpl(
            System.Runtime.CompilerServices.MethodImplOptions.NoInlining
        )]
        static void Abandon(CudaStream stream)
        {
            for (var i = 0; i < 10; i++)
                Tensor<int>.Create([100], stream).AsSlice(0, 1, 2).RecordStream(stream);
        }
    }

    [CudaFact]
    public void CreateUseDispose_FourThreads_LeavesNothing()
    {
        var before = DeviceMemory.LiveCount;
        var threads = Enumerable
            .Range(0, 4)
            .Select(t => new Thread(() =>
            {
                using var stream = new CudaStream(s_device);
                for (var i = 0; i < 50; i++)
                {
                    using var x = Tensor<int>.Create([16], stream);
                    x.CopyFrom([.. Enumerable.Repeat(t, 16)], stream);
                    x.ToArray(stream).Should().OnlyContain(v => v == t);
                }
            }))
            .ToList();

        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());

        DeviceMemory.LiveCount.Should().Be(before);
    }

    private static unsafe void AddOne(Tensor<float> x, CudaStream stream)
    {
        TestKernels.Add.Launch(
            new LaunchConfig(1, 32),
            stream,
            (nint)x.DataPointer,
            1f,
            (int)x.ElementCount
        );
        x.RecordStream(stream);
    }
}
