// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Cuda.Tests;

/// <summary>Several devices in one process.</summary>
public sealed unsafe class PeerTests : DeviceTest
{
    private const int Count = 32;

    [CudaFact(devices: 2)]
    public void Copy_BetweenDevices_NeedsNoPeerAccess()
    {
        using var there = new CudaStream(Device.Cuda(1));
        using var x = Tensor<uint>.Create([Count], Stream);
        x.CopyFrom(Sequence(5), Stream);

        there.Wait(Stream);
        using var y = x.ToDevice(Device.Cuda(1), there);

        y.ToArray(there).Should().Equal(Sequence(5));
    }

    [CudaFact(devices: 3)]
    public void Kernels_OnTwoDevicesAtTheSameTime_SendAndReceive()
    {
        CudaDevice.Get(1).EnablePeerAccess(CudaDevice.Get(2));
        using var from = new CudaStream(Device.Cuda(1));
        using var to = new CudaStream(Device.Cuda(2));
        using var data = Tensor<uint>.Create([Count], to);
        using var flag = Tensor<uint>.Create([1], to);
        using var result = Tensor<uint>.Create([Count], to);
        flag.CopyFrom([0u], to);
        to.Synchronize();
        var (send, receive) = (TestKernels.Load("send", 1), TestKernels.Load("receive", 2));

        for (uint round = 1; round <= 20; round++)
        {
            // The receiver starts first and polls until the sender has been.
            receive.Launch(
                new LaunchConfig(1, Count),
                to,
                (nint)data.DataPointer,
                (nint)flag.DataPointer,
                (nint)result.DataPointer,
                round
            );
            send.Launch(
                new LaunchConfig(1, Count),
                from,
                (nint)data.DataPointer,
                (nint)flag.DataPointer,
                round
            );

            result.ToArray(to).Should().Equal(Sequence(round));
            from.Wait(to);
            // The memory is released in the order of this stream, and the sender has written to it.
            to.Wait(from);
        }
    }

    [CudaFact(devices: 7)]
    public void Access_WithoutEnabling_LosesTheDeviceWithAReport()
    {
        Assert.SkipUnless(CudaDevice.IsSimulated, "a GPU may do without peer access");
        using var x = Tensor<uint>.Create([Count], Stream);
        Stream.Synchronize();
        using var there = new CudaStream(Device.Cuda(6));

        TestKernels
            .Load("add", 6)
            .Launch(new LaunchConfig(1, Count), there, (nint)x.DataPointer, 1u);

        there
            .Invoking(s => s.Synchronize())
            .Should()
            .Throw<CudaException>()
            .WithMessage("*no peer access*thread (*")
            .Which.IsSticky.Should()
            .BeTrue();
        // The others go on.
        TestKernels
            .Load("add")
            .Launch(new LaunchConfig(1, Count), Stream, (nint)x.DataPointer, 1u);
        Stream.Synchronize();
    }

    private static uint[] Sequence(uint first) =>
        [.. Enumerable.Range(0, Count).Select(i => first + (uint)i)];
}
