// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Jit;
using DeepInfra.NativeLoading.Tests.Fakes;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>What a program sees where NVRTC is missing or damaged, or its cache has no place.</summary>
public sealed class NvrtcLoadingTests : IDisposable
{
    private const string PathVariable = "DEEPINFRA_NVRTC_PATH";
    private const string ExpectationVariable = "DEEPINFRA_TEST_EXPECTED";

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public Task NoLibrary_SaysWhatToInstall() =>
        Scenario.RunAsync("missing", typeof(Child), (PathVariable, _directory.Combine("none")));

    [Fact]
    public async Task DamagedLibrary_SaysSo()
    {
        await File.WriteAllTextAsync(
            _directory.Combine("libnvrtc.so.12"),
            new string('x', 4096),
            TestContext.Current.CancellationToken
        );

        await Scenario.RunAsync("damaged", typeof(Child), (PathVariable, _directory.Path));
    }

    [Fact]
    public async Task NoBuiltins_SaysWhatToInstall()
    {
        File.Copy(FindNvrtc(), _directory.Combine("libnvrtc.so.12"));

        await Scenario.RunAsync(
            "builtins",
            typeof(Child),
            (PathVariable, _directory.Path),
            ("DEEPINFRA_CACHE_DIR", _directory.Combine("cache"))
        );
    }

    [Fact]
    public Task NoHome_KeepsKernelsInATemporaryFolder() =>
        Scenario.RunAsync(
            "homeless",
            typeof(Child),
            ("HOME", null),
            ("XDG_CACHE_HOME", null),
            ("TMPDIR", _directory.Path)
        );

    [Fact]
    public Task CacheThatCannotBeWritten_CompilesAllTheSame() =>
        Scenario.RunAsync("unwritable", typeof(Child), ("DEEPINFRA_CACHE_DIR", "/proc/deepinfra"));

    /// <summary>A file system of 64 KiB that is full, for the child process alone.</summary>
    [Fact]
    public async Task FullDisk_CompilesAllTheSameAndWarnsOnce()
    {
        const string Script =
            "mount -t tmpfs -o size=64k none \"$1\" || exit 77; head -c 65536 /dev/zero > \"$1/filler\"; shift; exec \"$@\"";
        var cache = _directory.Combine("full");
        Directory.CreateDirectory(cache);
        string[] launcher = ["unshare", "--map-root-user", "--mount", "sh", "-c", Script, "sh"];
        Assert.SkipUnless(await CanMountAsync([.. launcher, cache, "true"]), "needs unshare");

        await Scenario.RunThroughAsync(
            [.. launcher, cache],
            "full",
            typeof(Child),
            ("DEEPINFRA_CACHE_DIR", cache)
        );

        static async Task<bool> CanMountAsync(string[] command)
        {
            try
            {
                return (await ChildProcess.RunAsync(command[0], command[1..])).ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false;
            }
        }
    }

    [Theory]
    [InlineData("sm_90a", "12.2", "12.3")]
    [InlineData("compute_90", "12.2", "12.3")]
    [InlineData("sm_100a", "12.7", "12.8")]
    [InlineData("sm_80", "11.8", "12.0")]
    public async Task LibraryTooOldForTheTarget_NamesBothVersions(
        string architecture,
        string found,
        string required
    )
    {
        var version = Version.Parse(found);
        await FakeLibrary.CompileAsync(
            "fake_nvrtc.c",
            _directory.Combine("libnvrtc.so.12"),
            $"-DFAKE_MAJOR={version.Major}",
            $"-DFAKE_MINOR={version.Minor}"
        );

        await Scenario.RunAsync(
            "old",
            typeof(Child),
            (PathVariable, _directory.Path),
            ("DEEPINFRA_CACHE_DIR", _directory.Combine("cache")),
            (ExpectationVariable, $"{architecture} {found} {required}")
        );
    }

    [Fact]
    public Task DeviceNewerThanTheCompiler_GetsPtx() =>
        Scenario.RunOnFakeDriverAsync(
            _directory,
            "newer",
            typeof(Child),
            (PathVariable, FindNvrtc()),
            ("DEEPINFRA_CACHE_DIR", _directory.Combine("cache")),
            ("FAKE_major", "99")
        );

    [Fact]
    public Task CompileError_GivesLogAndSource()
    {
        return Scenario.RunAsync(
            "error",
            typeof(Child),
            (PathVariable, FindNvrtc()),
            ("DEEPINFRA_CACHE_DIR", _directory.Path),
            ("DEEPINFRA_JIT_DUMP", _directory.Combine("dump"))
        );
    }

    private static string FindNvrtc()
    {
        var path = "";
        try
        {
            path = NvrtcCompiler.Instance.LibraryPath;
        }
        catch (NativeLibraryNotFoundException)
        {
            // Skipped below.
        }
        Assert.SkipUnless(
            Path.IsPathRooted(path) && path.EndsWith("libnvrtc.so.12", StringComparison.Ordinal),
            "needs NVRTC 12"
        );
        return path;
    }

    public class Child
    {
        private static readonly KernelSpec s_spec = new(
            "probe",
            "extern \"C\" __global__ void f(int* x) { *x = __float2int_rn(1.5f); }",
            "sm_90a"
        )
        {
            EntrySymbol = "f",
        };

        [ScenarioTest]
        public void Missing()
        {
            Scenario.Require("missing");
            using var cache = new JitKernelCache();

            var e = cache
                .Invoking(c => c.GetOrBuild(s_spec))
                .Should()
                .Throw<NativeLibraryNotFoundException>()
                .Which;

            e.Message.Should()
                .StartWith("NVRTC could not be loaded. Install")
                .And.Contain(PathVariable);
            e.Attempts.Should().ContainSingle().Which.Should().EndWith("no such file");
            DeepInfraInfo.Describe().Should().Contain("NVRTC");
        }

        [ScenarioTest]
        public void Damaged()
        {
            Scenario.Require("damaged");

            NvrtcCompiler
                .Instance.Invoking(c => c.Compile(s_spec))
                .Should()
                .Throw<NativeLibraryNotFoundException>()
                .WithMessage("*invalid ELF header*");
        }

        [ScenarioTest]
        public void Builtins()
        {
            Scenario.Require("builtins");
            using var cache = new JitKernelCache();

            cache
                .Invoking(c => c.GetOrBuild(s_spec))
                .Should()
                .Throw<NativeLibraryNotFoundException>()
                .WithMessage(
                    "libnvrtc-builtins.so.12.* could not be loaded. NVRTC 12.* needs it: put it into the folder of*"
                );
        }

        [ScenarioTest]
        public void Homeless()
        {
            Scenario.Require("homeless");
            var temporary = Environment.GetEnvironmentVariable("TMPDIR")!;
            using (var cache = new JitKernelCache(compiler: new EchoCompiler()))
            {
                cache.Directory.Should().StartWith(temporary);
                cache.GetOrBuild(s_spec);
            }

            using var next = new JitKernelCache(compiler: new EchoCompiler());
            next.GetOrBuild(s_spec);
            next.Statistics.DiskHits.Should().Be(1);
        }

        [ScenarioTest]
        public void Unwritable()
        {
            Scenario.Require("unwritable");

            CheckNothingIsKept("deepinfra");
        }

        [ScenarioTest]
        public void Full()
        {
            Scenario.Require("full");

            CheckNothingIsKept("No space left on device");

            // No draft stays behind, to be swept a day later.
            var folder = Environment.GetEnvironmentVariable("DEEPINFRA_CACHE_DIR")!;
            Directory
                .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Where(f => new FileInfo(f).Length > 0)
                .Select(Path.GetFileName)
                .Should()
                .Equal("filler");
        }

        [ScenarioTest]
        public void Old()
        {
            Scenario.Require("old");
            var expected = Environment.GetEnvironmentVariable(ExpectationVariable)!.Split(' ');
            using var cache = new JitKernelCache();
            var spec = new KernelSpec("probe", s_spec.Source, expected[0]) { EntrySymbol = "f" };

            var e = cache
                .Invoking(c => c.GetOrBuild(spec))
                .Should()
                .Throw<NvrtcTooOldException>()
                .Which;

            e.Architecture.Should().Be(expected[0]);
            e.FoundVersion.Should().Be(Version.Parse(expected[1]));
            e.RequiredVersion.Should().Be(Version.Parse(expected[2]));
            e.Message.Should()
                .Contain(
                    $"is NVRTC {expected[1]}, but kernels for {expected[0]} need {expected[2]}"
                )
                .And.Contain("Install the NVRTC library")
                .And.Contain(PathVariable);
        }

        [ScenarioTest]
        public void Newer()
        {
            Scenario.Require("newer");
            var architecture = CudaDevice.Get(0).Architecture;
            var portable = new KernelSpec("p", s_spec.Source, architecture)
            {
                EntrySymbol = "f",
                IsPortable = true,
            };
            var bound = new KernelSpec("b", s_spec.Source, architecture) { EntrySymbol = "f" };
            using var cache = new JitKernelCache();
            using var next = new JitKernelCache();

            architecture.Should().Be("sm_990a");
            cache
                .Load(portable, Device.Cuda(0))
                .Compiled.Architecture.Should()
                .StartWith("compute_");
            next.Load(portable, Device.Cuda(0));
            next.Statistics.DiskHits.Should().Be(1);
            // What only its target has cannot be finished from the PTX of another one.
            cache
                .Invoking(c => c.Load(bound, Device.Cuda(0)))
                .Should()
                .Throw<DeepInfraException>()
                .Which.Message.Should()
                .Contain("sm_990a");
        }

        private static void CheckNothingIsKept(string reason)
        {
            using var log = new LogCapture();
            using var cache = new JitKernelCache(
                compiler: new EchoCompiler(),
                logger: log.CreateLogger("jit")
            );
            var other = new KernelSpec("other", s_spec.Source, "sm_90a") { EntrySymbol = "f" };

            cache.GetOrBuild(s_spec).EntrySymbol.Should().Be("f");
            cache.GetOrBuild(s_spec).EntrySymbol.Should().Be("f");
            cache.GetOrBuild(other).EntrySymbol.Should().Be("f");

            cache.Statistics.Compilations.Should().Be(2);
            cache.Statistics.WriteFailures.Should().Be(2);
            log.Of(1011).Should().ContainSingle().Which.Message.Should().Contain(reason);
        }

        [ScenarioTest]
        public void Error()
        {
            Scenario.Require("error");
            using var cache = new JitKernelCache();
            var spec = new KernelSpec("wrong", "int a;\nnonsense", "sm_90a") { EntrySymbol = "f" };

            var e = cache
                .Invoking(c => c.GetOrBuild(spec))
                .Should()
                .Throw<KernelCompilationException>()
                .Which;

            e.Log.Should().Contain("wrong.cu(2)");
            e.NumberedSource.Should().Contain("    2  nonsense");
            e.SourceHash.Should().HaveLength(64);
            var dump = Environment.GetEnvironmentVariable("DEEPINFRA_JIT_DUMP")!;
            Directory.GetFiles(dump, "wrong.*.log").Should().ContainSingle();
            Directory.GetFiles(dump, "wrong.*.cu").Should().ContainSingle();
            DeepInfraInfo.Describe().Should().MatchRegex(@"NVRTC: +12\.");
        }
    }
}
