// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Cuda.Tests;

/// <summary>Work of two streams on the same memory: the simulator reports what no event orders.</summary>
public sealed unsafe class OrderTests : DeviceTest
{
    private const int Count = 32;

    [Fact]
    public void CopyAndKernel_WithAnEvent_AreRight()
    {
        using var other = new CudaStream(Stream.Device);
        using var x = Tensor<uint>.Create([Count], Stream);
        var add = TestKernels.Load("add");

        for (uint round = 0; round < 20; round++)
        {
            x.CopyFrom([.. Enumerable.Repeat(round, Count)], Stream);
            other.Wait(Stream);
            add.Launch(new LaunchConfig(1, Count), other, (nint)x.DataPointer, 7u);
            Stream.Wait(other);
        }

        x.ToArray(Stream).Should().OnlyContain(v => v == 26);
    }

    [CudaFact(devices: 6)]
    public void CopyAndKernel_WithoutAnEvent_AreReported()
    {
        Assert.SkipUnless(CudaDevice.IsSimulated, "only the simulator sees races");
        var device = Device.Cuda(5);
        using var stream = new CudaStream(device);
        using var other = new CudaStream(device);
        using var x = Tensor<uint>.Create([Count], stream);
        stream.Synchronize();

        TestKernels
            .Load("add", 5)
            .Launch(new LaunchConfig(1, Count), other, (nint)x.DataPointer, 7u);

        var copy = () =>
        {
            x.CopyFrom(new uint[Count], stream);
            other.Synchronize();
            stream.Synchronize();
        };
        copy.Should().Throw<CudaException>().WithMessage("*race*copy*nothing orders*");
    }

    [CudaFact(devices: 8)]
    public void EarlyStart_KernelThatDoesNotWait_IsReported()
    {
        Assert.SkipUnless(CudaDevice.IsSimulated, "only the simulator sees races");
        using var stream = new CudaStream(Device.Cuda(7));
        using var data = Tensor<uint>.Create([Count], stream);
        using var result = Tensor<uint>.Create([Count], stream);
        stream.Synchronize();

        TestKernels
            .Load("first", 7)
            .Launch(new LaunchConfig(1, Count), stream, (nint)data.DataPointer, 3u);
        TestKernels
            .Load("second", 7)
            .Launch(
                new LaunchConfig(1, Count) { AllowsEarlyStart = true },
                stream,
                (nint)data.DataPointer,
                (nint)result.DataPointer,
                0
            );

        stream
            .Invoking(s => s.Synchronize())
            .Should()
            .Throw<CudaException>()
            .WithMessage("*race*first*nothing orders*");
    }
}
