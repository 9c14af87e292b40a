// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cuda;

/// <summary>Runs the tests of devices on the simulator, where it is built and this process does not use it already.</summary>
[Trait("Category", "Sim")]
public class SimulatorProcessTests
{
    private static readonly string[] s_classes =
    [
        typeof(CudaStreamTests).FullName!,
        typeof(CudaTensorTests).FullName!,
        typeof(CudaGraphTests).FullName!,
        typeof(TensorMapRulesTests).FullName!,
        typeof(SharedDeviceMemoryTests).FullName!,
        typeof(DLPackDeviceTests).FullName!,
        typeof(Jit.KernelInspectorDeviceTests).FullName!,
    ];

    [Fact]
    public Task DeviceTests_OnTheSimulator_Pass() =>
        Simulator.RunUnlessSimulatedAsync(s_classes, ("DEEPINFRA_CUDASIM_DEVICES", "2"));

    [Fact]
    public Task KernelFault_OnTheSimulator_IsReportedAndStays() =>
        Simulator.RunAsync([typeof(FaultTests).FullName!], ("DEEPINFRA_TEST_FAULT", "1"));

    [Fact]
    public Task KernelFault_StreamDisposedMeanwhile_EndsTheWait() =>
        Simulator.RunAsync([typeof(DisposedStreamTests).FullName!], ("DEEPINFRA_TEST_FAULT", "1"));

    [Collection(nameof(CudaCollection))]
    public class DisposedStreamTests
    {
        [CudaFact]
        public async Task WaitAsync_StreamDisposedAndKernelFails_Fails()
        {
            Assert.SkipUnless(
                Environment.GetEnvironmentVariable("DEEPINFRA_TEST_FAULT") == "1",
                "only meaningful in a child process"
            );
            var token = TestContext.Current.CancellationToken;
            var fault = TestKernels.Fault;
            var stream = new CudaStream(Device.Cuda(0));
            using var x = Tensor<byte>.Create([16 << 20], stream);
            using var host = Tensor<byte>.CreatePinned([16 << 20], Device.Cuda(0));
            // Something to wait for, so that the kernel has not failed yet.
            for (var i = 0; i < 40; i++)
                x.CopyTo(host, stream);
            fault.Launch(new LaunchConfig(1, 32), stream, (nint)0x10);

            var wait = stream.WaitAsync(token).AsTask();
            stream.Dispose();

            var ended = () => wait.WaitAsync(TimeSpan.FromSeconds(60), token);
            await ended.Should().ThrowAsync<CudaException>();
        }
    }

    [Collection(nameof(CudaCollection))]
    public class FaultTests
    {
        [CudaFact]
        public void Kernel_WritesToNothing_LosesTheDevice()
        {
            Assert.SkipUnless(
                Environment.GetEnvironmentVariable("DEEPINFRA_TEST_FAULT") == "1",
                "only meaningful in a child process"
            );
            using var stream = new CudaStream(Device.Cuda(0));

            TestKernels.Fault.Launch(new LaunchConfig(1, 32), stream, (nint)0x10);

            var e = stream.Invoking(s => s.Synchronize()).Should().Throw<CudaException>().Which;
            e.IsSticky.Should().BeTrue(e.Message);
            if (CudaDevice.IsSimulated)
                e.Message.Should().Contain("fault", "the simulator's report names the kernel");
            stream
                .Invoking(s => Tensor<int>.Create([1], s))
                .Should()
                .Throw<CudaException>()
                .WithMessage("*an earlier error lost cuda:0*");
        }
    }
}
