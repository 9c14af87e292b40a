// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>Which device is chosen, and who learns of it.</summary>
public sealed class DevicePolicyTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task PreferCuda_WithoutDriver_IsTheCpuWithAReason()
    {
        Scenario.RequireNoDriver();

        await Scenario.RunAsync("no driver", typeof(Child));
    }

    [Theory]
    [InlineData("device", "FAKE_devices", "2")]
    [InlineData("old driver", "FAKE_version", "11080")]
    [InlineData("no device", "FAKE_devices", "0")]
    public Task PreferCuda_WithADriver_DependsOnIt(
        string scenario,
        string variable,
        string value
    ) => Scenario.RunOnFakeDriverAsync(_directory, scenario, typeof(Child), (variable, value));

    public class Child
    {
        [ScenarioTest]
        public void NoDriver() => Check("no driver", Device.Cpu, "libcuda.so.1");

        [ScenarioTest]
        public void OldDriver() => Check("old driver", Device.Cpu, "CUDA 11.8");

        [ScenarioTest]
        public void NoDevice() => Check("no device", Device.Cpu, "no device");

        [ScenarioTest]
        public void FirstDevice() => Check("device", Device.Cuda(0), "Fake 0");

        private static void Check(string scenario, Device expected, string reason)
        {
            Scenario.Require(scenario);
            DeepInfraInfo.Capture().ChosenDevice.Should().BeNull();
            using var log = new LogCapture();

            DevicePolicy.PreferCuda().Should().Be(expected);
            DevicePolicy.PreferCuda(log.CreateLogger("a")).Should().Be(expected);
            DevicePolicy.PreferCuda(log.CreateLogger("b")).Should().Be(expected);

            var line = log.Lines.Should().ContainSingle().Which;
            line.EventId.Should().Be(1001);
            line.Message.Should().Contain(expected.ToString()).And.Contain(reason);
            DeepInfraInfo.Describe().Should().MatchRegex($"chosen: +{expected}: .*{reason}");
        }
    }
}
