// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.FlashMla;
using DeepInfra.NativeLoading.Tests.Fakes;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>What a program sees whose attention library is missing, damaged or of another version.</summary>
public sealed class FlashMlaLibraryTests : IDisposable
{
    private const string PathVariable = "DEEPINFRA_NATIVE_PATH";

    private readonly TempDirectory _directory = new();
    private readonly string _library;

    public FlashMlaLibraryTests() => _library = _directory.Combine("libdeepinfra_flashmla.so");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public Task NoLibrary_NamesThePackage() => RunAsync("missing");

    [Fact]
    public async Task DamagedLibrary_SaysWhatTheLoaderSaid()
    {
        await File.WriteAllTextAsync(
            _library,
            new string('x', 4096),
            TestContext.Current.CancellationToken
        );

        await RunAsync("damaged");
    }

    [Theory]
    [InlineData("foreign", "-DFAKE_NOTHING")]
    [InlineData("major", "-DFAKE_ABI=0x20003")]
    public async Task LibraryOfAnotherVersion_NamesFileAndVersions(string scenario, string define)
    {
        await FakeLibrary.CompileAsync("fake_core.c", _library, define);

        await RunAsync(scenario);
    }

    [Fact]
    public Task PlansOfTheCpu_NeedNoLibrary() => RunAsync("host");

    private async Task RunAsync(string scenario)
    {
        // The device comes first.
        await FakeLibrary.CompileAsync("fake_driver.c", _directory.Combine("libcuda.so.1"));
        await Scenario.RunAsync(
            scenario,
            typeof(Child),
            ("LD_LIBRARY_PATH", _directory.Path),
            (PathVariable, _directory.Path)
        );
    }

    public class Child
    {
        [Fact(Explicit = true)]
        public void Missing()
        {
            Scenario.Require("missing");

            var e = Failure<NativeLibraryNotFoundException>();

            e.LibraryName.Should().Be("deepinfra_flashmla");
            e.Message.Should()
                .Contain("DeepInfra.FlashMla.Cuda.linux-x64")
                .And.Contain(PathVariable);
            var capabilities = MlaAttention.GetCapabilities(Device.Cuda(0));
            capabilities.DecodeFormats.Should().BeEmpty();
            capabilities.Reason.Should().Be(e.Message);
        }

        [Fact(Explicit = true)]
        public void Damaged()
        {
            Scenario.Require("damaged");

            Failure<NativeLibraryNotFoundException>()
                .Attempts[0]
                .Should()
                .Contain("invalid ELF header");
        }

        [Fact(Explicit = true)]
        public void Foreign()
        {
            Scenario.Require("foreign");

            Failure<NativeAbiMismatchException>()
                .Message.Should()
                .Contain("libdeepinfra_flashmla.so is no DeepInfra library");
        }

        [Fact(Explicit = true)]
        public void Major()
        {
            Scenario.Require("major");

            var e = Failure<NativeAbiMismatchException>();

            e.Actual.Should().Be(new Version(2, 3));
            e.Expected.Should().Be(new Version(1, 0));
        }

        [Fact(Explicit = true)]
        public void Host()
        {
            Scenario.Require("host");

            using var plan = MlaDecodePlan.Create(Device.Cpu, new());
            plan.Update([5]);

            File.ReadAllText("/proc/self/maps").Should().NotContain("libdeepinfra_flashmla");
        }

        // The second attempt must not hide the first failure, nor work.
        private static T Failure<T>()
            where T : DeepInfraException
        {
            var create = () => MlaDecodePlan.Create(Device.Cuda(0), new());
            var first = create.Should().ThrowExactly<T>().Which;
            create.Should().ThrowExactly<T>().Which.Message.Should().Be(first.Message);
            return first;
        }
    }
}
