// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.NativeLoading.Tests.Fakes;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>What a program sees on machines whose CUDA driver is missing, old or broken.</summary>
public sealed class DriverLoadingTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task NoDriver_EveryDeviceCall_SaysWhatToDo()
    {
        Scenario.RequireNoDriver();
        await Scenario.RunAsync("none", typeof(NoDriver));
    }

    [Fact]
    public Task CpuOnlyProcess_WithDriverAtHand_LoadsNothingOfCuda() =>
        Scenario.RunOnFakeDriverAsync(_directory, "cpu", typeof(CpuOnly));

    [Theory]
    [InlineData("old", "FAKE_version", "11080")]
    [InlineData("entry", "FAKE_missing", "cuMemAllocAsync")]
    [InlineData("device", "FAKE_init", "100")]
    [InlineData("stub", "FAKE_init", "34")]
    [InlineData("empty", "FAKE_devices", "0")]
    [InlineData("variable", "DEEPINFRA_CUDA", "gpu")]
    public Task DriverThatCannotBeUsed_IsATypedException(
        string scenario,
        string variable,
        string value
    ) =>
        Scenario.RunOnFakeDriverAsync(
            _directory,
            scenario,
            typeof(BrokenDriver),
            (variable, value)
        );

    [Fact]
    public async Task LibraryThatIsNoDriver_IsATypedException()
    {
        await FakeLibrary.CompileAsync("not_a_driver.c", _directory.Combine("libcuda.so.1"));

        await Scenario.RunAsync(
            "other",
            typeof(BrokenDriver),
            ("LD_LIBRARY_PATH", _directory.Path)
        );
    }

    [Fact]
    public async Task SimulatorSelected_NotBuiltOrDamaged_ListsEveryAttempt()
    {
        await File.WriteAllTextAsync(
            _directory.Combine("libdeepinfra_cudasim.so"),
            new string('x', 4096),
            TestContext.Current.CancellationToken
        );

        await Scenario.RunAsync(
            "simulator",
            typeof(BrokenDriver),
            ("DEEPINFRA_CUDA", "sim"),
            ("DEEPINFRA_NATIVE_PATH", $"/nowhere{Path.PathSeparator}{_directory.Path}")
        );
    }

    public class NoDriver
    {
        [ScenarioTest]
        public void DeviceCalls_Throw()
        {
            Scenario.Require("none");

            CudaDevice.IsAvailable.Should().BeFalse();
            CudaDevice.MissingReason.Should().Contain("not found");
            FluentActions
                .Invoking(() => new CudaStream(Device.Cuda(0)))
                .Should()
                .Throw<NativeLibraryNotFoundException>()
                .WithMessage(
                    "the CUDA driver (libcuda.so.1) could not be loaded. Install the NVIDIA driver*Tried:*libcuda.so.1*"
                )
                .Which.Attempts.Should()
                .ContainSingle();
            DeepInfraInfo.Capture().CudaMissingReason.Should().NotBeNull();
        }
    }

    public class CpuOnly
    {
        [ScenarioTest]
        public void CpuWork_LoadsNoCudaLibrary()
        {
            Scenario.Require("cpu");
            using var scope = new TensorScope();
            var x = Tensor<float>.Create([64, 128]);
            x.Fill(1);
            x.AsTransposed().ToContiguous().ToArray().Should().HaveCount(64 * 128);
            using var cache = new Core.Jit.JitKernelCache();
            cache.Statistics.Compilations.Should().Be(0);

            Maps().Should().NotContainAny("libcuda", "libnvrtc", "cudasim");

            // The check can fail: the driver of this test appears once a device is asked for.
            CudaDevice.Count.Should().Be(1);
            Maps().Should().Contain("libcuda.so.1");

            static string Maps() => File.ReadAllText("/proc/self/maps");
        }
    }

    public class BrokenDriver
    {
        [ScenarioTest]
        public void OldDriver_SaysWhichItNeeds()
        {
            Scenario.Require("old");

            var e = Failure().Should().BeOfType<CudaDriverTooOldException>().Which;

            e.FoundVersion.Should().Be(11080);
            e.RequiredVersion.Should().Be(12000);
            e.Message.Should().Contain("supports CUDA 11.8").And.Contain("525.60");
            CudaDevice.MissingReason.Should().Be(e.Message);
        }

        [ScenarioTest]
        public void MissingEntryPoint_IsNamedWhenItIsNeeded()
        {
            Scenario.Require("entry");
            using var stream = new CudaStream(Device.Cuda(0));

            var e = FluentActions
                .Invoking(() => Tensor<int>.Create([4], stream))
                .Should()
                .Throw<CudaDriverTooOldException>()
                .Which;

            e.MissingEntryPoint.Should().Be("cuMemAllocAsync");
            e.Message.Should().Contain("no entry point cuMemAllocAsync").And.Contain("525.60");
        }

        [ScenarioTest]
        public void NoDevice_SaysWhereToLook()
        {
            Scenario.Require("device");

            var e = Failure().Should().BeOfType<CudaException>().Which;

            e.Code.Should().Be(CudaErrorCode.NoDevice);
            e.ErrorName.Should().Be("CUDA_ERROR_NO_DEVICE");
            e.Message.Should().Contain("nvidia-smi").And.Contain("CUDA_VISIBLE_DEVICES");
        }

        [ScenarioTest]
        public void StubLibrary_SaysSo()
        {
            Scenario.Require("stub");

            Failure().Message.Should().Contain("CUDA_ERROR_STUB_LIBRARY").And.Contain("stubs");
        }

        [ScenarioTest]
        public void DriverWithoutDevices_IsNotAvailable()
        {
            Scenario.Require("empty");

            CudaDevice.IsAvailable.Should().BeFalse();
            CudaDevice.Count.Should().Be(0);
            FluentActions
                .Invoking(() => CudaDevice.Get(0))
                .Should()
                .Throw<CudaException>()
                .Which.Code.Should()
                .Be(CudaErrorCode.InvalidDevice);
        }

        [ScenarioTest]
        public void UnknownChoiceOfDriver_NamesTheVariable()
        {
            Scenario.Require("variable");

            Failure().Message.Should().Be("DEEPINFRA_CUDA: expected 'sim' or nothing, got 'gpu'");
        }

        [ScenarioTest]
        public void LibraryOfThatName_IsNoDriver()
        {
            Scenario.Require("other");

            Failure()
                .Should()
                .BeOfType<NativeLibraryNotFoundException>()
                .Which.Message.Should()
                .Contain("no CUDA driver");
        }

        [ScenarioTest]
        public void Simulator_ListsItsAttempts()
        {
            Scenario.Require("simulator");

            var e = Failure().Should().BeOfType<NativeLibraryNotFoundException>().Which;

            e.LibraryName.Should().Be("deepinfra_cudasim");
            e.Message.Should().Contain("./build.sh simulator").And.Contain("DEEPINFRA_NATIVE_PATH");
            e.Message.Should().NotContain("./build.sh native");
            // Nor do errors of the driver advise what only helps with a GPU.
            foreach (
                var code in new[]
                {
                    CudaErrorCode.OutOfMemory,
                    CudaErrorCode.InvalidDevice,
                    CudaErrorCode.NoBinaryForGpu,
                    CudaErrorCode.IllegalAddress,
                }
            )
                new CudaException(code, "call")
                    .Message.Should()
                    .NotContainAny("nvidia-smi", "CUDA_VISIBLE_DEVICES", "compute-sanitizer");
            e.Attempts.Should().HaveCountGreaterThan(2);
            e.Attempts[0].Should().Be("/nowhere/libdeepinfra_cudasim.so: no such file");
            e.Attempts[1].Should().Contain("invalid ELF header");
        }

        private static DeepInfraException Failure()
        {
            var first = FluentActions
                .Invoking(() => CudaDevice.Count)
                .Should()
                .Throw<DeepInfraException>()
                .Which;
            // The failure stays what it was.
            FluentActions
                .Invoking(() => new CudaStream(Device.Cuda(0)))
                .Should()
                .Throw<DeepInfraException>()
                .WithMessage(first.Message.Replace("*", "?", StringComparison.Ordinal));
            return first;
        }
    }
}
