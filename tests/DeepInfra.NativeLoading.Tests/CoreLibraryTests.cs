// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.NativeLoading.Tests.Fakes;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>What a program sees whose native library is missing, damaged or of another version.</summary>
public sealed class CoreLibraryTests : IDisposable
{
    private const string PathVariable = "DEEPINFRA_NATIVE_PATH";
    private const string Package = "DeepInfra.Core.Cuda.linux-x64";

    private readonly TempDirectory _directory = new();
    private readonly string _library;

    public CoreLibraryTests() => _library = _directory.Combine("libdeepinfra_core.so");

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

    [Fact]
    public async Task LibraryOfAnotherProcessor_SaysWhatTheLoaderSaid()
    {
        await FakeLibrary.CompileAsync("fake_core.c", _library, "-DFAKE_ABI=0x10000");
        // The machine in the header of the file: that of AArch64, or of x86-64 there.
        await using (var file = File.Open(_library, FileMode.Open))
        {
            const int MachineOffset = 18;
            file.Seek(MachineOffset, SeekOrigin.Begin);
            var machine = file.ReadByte();
            file.Seek(MachineOffset, SeekOrigin.Begin);
            file.WriteByte(machine == 183 ? (byte)62 : (byte)183);
        }

        await RunAsync("processor");
    }

    [Fact]
    public async Task LibraryWithoutItsDependency_NamesTheDependency()
    {
        var dependency = _directory.Combine("libfake_dependency.so");
        await FakeLibrary.CompileAsync("fake_core.c", dependency, "-DFAKE_IS_DEPENDENCY");
        await FakeLibrary.CompileAsync(
            "fake_core.c",
            _library,
            "-DFAKE_ABI=0x10000",
            "-DFAKE_DEPENDENCY",
            dependency
        );
        File.Delete(dependency);

        await RunAsync("dependency");
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
    public Task TensorsOfTheHost_NeedNoLibrary() => RunAsync("host");

    private async Task RunAsync(string scenario)
    {
        // Tensors need a driver, which comes first.
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

            e.LibraryName.Should().Be("deepinfra_core");
            e.Message.Should().Contain(Package).And.Contain(PathVariable);
            e.Attempts.Should()
                .HaveCountGreaterThan(1)
                .And.OnlyContain(a => a.Contains("no such file"));
            DeepInfraInfo.Describe().Should().NotBeEmpty();
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
        public void Processor()
        {
            Scenario.Require("processor");

            var e = Failure<NativeLibraryNotFoundException>();

            e.Attempts[0].Should().Contain("libdeepinfra_core.so").And.NotContain("no such file");
            e.Message.Should().Contain(Package);
        }

        [Fact(Explicit = true)]
        public void Dependency()
        {
            Scenario.Require("dependency");

            Failure<NativeLibraryNotFoundException>()
                .Attempts[0]
                .Should()
                .Contain("libfake_dependency.so");
        }

        [Fact(Explicit = true)]
        public void Foreign()
        {
            Scenario.Require("foreign");

            Failure<NativeAbiMismatchException>()
                .Message.Should()
                .Contain("libdeepinfra_core.so is no DeepInfra library");
        }

        [Fact(Explicit = true)]
        public void Major()
        {
            Scenario.Require("major");

            var e = Failure<NativeAbiMismatchException>();

            e.Actual.Should().Be(new Version(2, 3));
            e.Expected.Should().Be(new Version(1, 0));
            e.Message.Should().Contain(e.Path).And.Contain("Install native packages of the same");
        }

        [Fact(Explicit = true)]
        public void Host()
        {
            Scenario.Require("host");
            using var stream = new CudaStream(Device.Cuda(0));
            using var x = Tensor<float>.Create([4], stream);
            using var y = Tensor<float>.Create([4]);

            y.Fill(1);
            x.CopyFrom([1, 2, 3, 4], stream);

            File.ReadAllText("/proc/self/maps").Should().NotContain("libdeepinfra_core");
        }

        // The second attempt must not hide the first failure, nor work.
        private static T Failure<T>()
            where T : DeepInfraException
        {
            using var stream = new CudaStream(Device.Cuda(0));
            using var x = Tensor<float>.Create([4], stream);
            var fill = () => CudaTensor.Fill(x, 0, stream);
            var first = fill.Should().ThrowExactly<T>().Which;
            fill.Should().ThrowExactly<T>().Which.Message.Should().Be(first.Message);
            return first;
        }
    }
}
