// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.NativeLoading.Tests.Fakes;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>Tests for a child process on the fake driver; see <see cref="DriverErrorTests"/>.</summary>
public class LostDevice
{
    [ScenarioTest]
    public async Task KernelFault_EndsWaitsAndStaysWithTheDevice()
    {
        Scenario.Require("lost");
        using var stream = new CudaStream(Device.Cuda(0));
        var x = Tensor<int>.Create([4], stream);
        Task wait;
        using (FakeControl.Set("busy", 1))
            wait = stream.WaitAsync(TestContext.Current.CancellationToken).AsTask();
        wait.IsCompleted.Should().BeFalse();

        // An illegal address: the driver never calls host functions after it.
        using var fault = FakeControl.Set("fault", 700);

        var e = (
            await FluentActions
                .Awaiting(() => wait.WaitAsync(TimeSpan.FromSeconds(60)))
                .Should()
                .ThrowAsync<CudaException>()
        ).Which;
        e.Code.Should().Be(CudaErrorCode.IllegalAddress);
        e.IsSticky.Should().BeTrue();
        e.Message.Should().Contain("restart the process");

        var later = FluentActions
            .Invoking(() => Tensor<int>.Create([4], stream))
            .Should()
            .Throw<CudaException>()
            .Which;
        later.Code.Should().Be(CudaErrorCode.IllegalAddress);
        later.Message.Should().Contain("an earlier error lost cuda:0");
        later.InnerException.Should().BeOfType<CudaException>();
        stream.Invoking(s => s.Synchronize()).Should().Throw<CudaException>();

        x.Dispose();
        stream.Dispose();
        DeviceMemory.LiveCount.Should().Be(0);
    }
}
