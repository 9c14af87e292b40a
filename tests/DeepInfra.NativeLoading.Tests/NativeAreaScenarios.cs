// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.FlashMla;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>Tests for a child process; see <see cref="NativeAreaTests"/>.</summary>
public class NativeAreaScenarios
{
    internal const string AreaVariable = "DEEPINFRA_TEST_AREA";

    private static TestedArea Area =>
        NativeAreas.Get(Environment.GetEnvironmentVariable(AreaVariable)!);

    [ScenarioTest]
    public void Missing()
    {
        Scenario.Require("missing");

        var e = Failure<NativeLibraryNotFoundException>();

        e.LibraryName.Should().Be(Area.LibraryName);
        e.Message.Should().Contain(Area.Package).And.Contain("DEEPINFRA_NATIVE_PATH");
        e.Attempts.Should()
            .HaveCountGreaterThan(1)
            .And.OnlyContain(a => a.Contains("no such file"));
        DeepInfraInfo.Describe().Should().NotBeEmpty();
        if (Area.Name == "flashmla")
        {
            var capabilities = MlaAttention.GetCapabilities(Device.Cuda(0));
            capabilities.DecodeFormats.Should().BeEmpty();
            capabilities.Reason.Should().Be(e.Message);
        }
    }

    [ScenarioTest]
    public void Damaged()
    {
        Scenario.Require("damaged");

        Failure<NativeLibraryNotFoundException>()
            .Attempts[0]
            .Should()
            .Contain("invalid ELF header");
    }

    [ScenarioTest]
    public void Processor()
    {
        Scenario.Require("processor");

        var e = Failure<NativeLibraryNotFoundException>();

        e.Attempts[0].Should().Contain($"lib{Area.LibraryName}.so").And.NotContain("no such file");
        e.Message.Should().Contain(Area.Package);
    }

    [ScenarioTest]
    public void Dependency()
    {
        Scenario.Require("dependency");

        Failure<NativeLibraryNotFoundException>()
            .Attempts[0]
            .Should()
            .Contain("libfake_dependency.so");
    }

    [ScenarioTest]
    public void Foreign()
    {
        Scenario.Require("foreign");

        Failure<NativeAbiMismatchException>()
            .Message.Should()
            .Contain($"lib{Area.LibraryName}.so is no DeepInfra library");
    }

    [ScenarioTest]
    public void Major()
    {
        Scenario.Require("major");

        var e = Failure<NativeAbiMismatchException>();

        e.Actual.Should().Be(new Version(9, 3));
        e.Expected.Should().Be(VersionOf(Area.AbiVersion));
        e.Path.Should().EndWith($"lib{Area.LibraryName}.so");
        e.Message.Should().Contain(e.Path).And.Contain("Install native packages of the same");
    }

    [ScenarioTest]
    public void Minor()
    {
        Scenario.Require("minor");

        var e = Failure<NativeAbiMismatchException>();

        e.Actual.Should().Be(VersionOf(Area.AbiVersion - 1));
        e.Expected.Should().Be(VersionOf(Area.AbiVersion));
    }

    [ScenarioTest]
    public void Without()
    {
        Scenario.Require("without");

        Area.UseWithout();

        File.ReadAllText("/proc/self/maps").Should().NotContain(Area.LibraryName);
    }

    private static Version VersionOf(uint version) =>
        new((int)(version >> 16), (int)(version & 0xFFFF));

    // The second attempt must not hide the first failure, nor work.
    private static T Failure<T>()
        where T : DeepInfraException
    {
        var use = Area.Use;
        var first = use.Should().ThrowExactly<T>().Which;
        use.Should().ThrowExactly<T>().Which.Message.Should().Be(first.Message);
        return first;
    }
}
