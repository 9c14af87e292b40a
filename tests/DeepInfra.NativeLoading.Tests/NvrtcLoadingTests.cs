// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>What a program sees where NVRTC is missing or damaged, or its cache has no place.</summary>
public sealed class NvrtcLoadingTests : IDisposable
{
    private const string PathVariable = "DEEPINFRA_NVRTC_PATH";

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

        [Fact(Explicit = true)]
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

        [Fact(Explicit = true)]
        public void Damaged()
        {
            Scenario.Require("damaged");

            NvrtcCompiler
                .Instance.Invoking(c => c.Compile(s_spec))
                .Should()
                .Throw<NativeLibraryNotFoundException>()
                .WithMessage("*invalid ELF header*");
        }

        [Fact(Explicit = true)]
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

        [Fact(Explicit = true)]
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

        [Fact(Explicit = true)]
        public void Unwritable()
        {
            Scenario.Require("unwritable");
            using var cache = new JitKernelCache(compiler: new EchoCompiler());

            cache.GetOrBuild(s_spec).EntrySymbol.Should().Be("f");

            cache.Statistics.WriteFailures.Should().Be(1);
        }

        [Fact(Explicit = true)]
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

    private sealed class EchoCompiler : IKernelCompiler
    {
        public string Identity => "echo";

        public CompiledKernel Compile(KernelSpec spec) =>
            new()
            {
                Name = spec.Name,
                Architecture = spec.Architecture,
                Cubin = new byte[] { 1 },
                EntrySymbol = spec.EntrySymbol!,
                Compiler = Identity,
            };
    }
}
