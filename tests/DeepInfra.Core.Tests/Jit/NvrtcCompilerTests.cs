// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

public class NvrtcCompilerTests
{
    /// <summary>One warpgroup multiply of FP8, the instruction that only Hopper has.</summary>
    private const string Wgmma = """
        extern "C" __global__ void __launch_bounds__(128) wgmma_kernel(
            float* out, unsigned long long a, unsigned long long b) {
            float d[4] = {0.f, 0.f, 0.f, 0.f};
            asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
            asm volatile(
                "wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {%0, %1, %2, %3}, %4, %5, 1, 1, 1;\n"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "l"(a), "l"(b));
            asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n" ::: "memory");
            for (int i = 0; i < 4; ++i) out[threadIdx.x * 4 + i] = d[i];
        }
        """;

    [NvrtcFact]
    public void Compile_WgmmaKernel_GivesAHopperCubin()
    {
        var kernel = NvrtcCompiler.Instance.Compile(
            new KernelSpec("wgmma", Wgmma, "sm_90a") { EntrySymbol = "wgmma_kernel" }
        );

        kernel.Cubin.Span[..4].ToArray().Should().Equal(0x7f, (byte)'E', (byte)'L', (byte)'F');
        kernel.Registers.Should().BeInRange(8, 255);
        kernel.StaticSharedBytes.Should().Be(0);
        kernel.LocalBytes.Should().Be(0);
        kernel.CompileMilliseconds.Should().BePositive();
    }

    [NvrtcFact]
    public void Compile_WgmmaForAmpere_FailsWithTheAssemblersWords()
    {
        var spec = new KernelSpec("wgmma", Wgmma, "sm_80") { EntrySymbol = "wgmma_kernel" };

        NvrtcCompiler
            .Instance.Invoking(c => c.Compile(spec))
            .Should()
            .Throw<KernelCompilationException>()
            .Which.Log.Should()
            .Contain("sm_80");
    }

    [NvrtcFact]
    public void Compile_TemplateByExpression_FindsItsMangledName()
    {
        var spec = new KernelSpec(
            "fill",
            "namespace n { template <int N> __global__ void fill(float* x) { __shared__ float s[N]; s[threadIdx.x] = N; __syncthreads(); x[threadIdx.x] = s[N - 1 - threadIdx.x]; } }",
            "sm_80"
        )
        {
            EntryExpression = "n::fill<128>",
        };

        var kernel = NvrtcCompiler.Instance.Compile(spec);

        kernel.EntrySymbol.Should().Be("_ZN1n4fillILi128EEEvPf");
        kernel.StaticSharedBytes.Should().Be(512);
    }

    [NvrtcFact]
    public void Compile_KernelThatSpills_ShowsLocalMemory()
    {
        var spec = new KernelSpec(
            "spill",
            "extern \"C\" __global__ void spill(float* x, const int* at) { float a[64] = {}; for (int i = 0; i < 64; ++i) a[at[i] & 63] += x[i]; for (int i = 0; i < 64; ++i) x[i] = a[at[i + 64] & 63]; }",
            "sm_80"
        )
        {
            EntrySymbol = "spill",
        };

        NvrtcCompiler.Instance.Compile(spec).LocalBytes.Should().BeGreaterThanOrEqualTo(256);
    }

    [NvrtcFact]
    public void Compile_HeadersInMemory_AreIncluded()
    {
        var headers = KernelHeaders.Create([
            new("deepinfra/a.cuh", "#include \"deepinfra/b.cuh\"\n#define ONE TWO / 2"),
            new("deepinfra/b.cuh", "#define TWO 2"),
        ]);
        var spec = new KernelSpec(
            "headers",
            "#include <deepinfra/a.cuh>\nstatic_assert(ONE == 1); extern \"C\" __global__ void f() {}",
            "sm_90a"
        )
        {
            Headers = headers,
            EntrySymbol = "f",
        };

        NvrtcCompiler.Instance.Compile(spec).Cubin.Length.Should().BePositive();
    }

    [NvrtcFact]
    public void Compile_SourceWithError_GivesLogAndNumberedSource()
    {
        var spec = new KernelSpec("broken", "int a;\nint b = nonsense;\n", "sm_90a")
        {
            EntrySymbol = "f",
        };

        var e = NvrtcCompiler
            .Instance.Invoking(c => c.Compile(spec))
            .Should()
            .Throw<KernelCompilationException>()
            .Which;

        e.Log.Should().Contain("broken.cu(2)").And.Contain("nonsense");
        e.Message.Should().Contain("broken for sm_90a").And.Contain("nonsense");
        e.NumberedSource.Should().Contain("    2  int b = nonsense;");
        e.Options.Should().Contain("--gpu-architecture=sm_90a");
        e.ToString().Should().Contain("    2  int b = nonsense;");
    }

    [NvrtcFact]
    public void Compile_TargetUnknownToTheCompiler_SaysWhichItKnows()
    {
        var spec = new KernelSpec("new", "extern \"C\" __global__ void f() {}", "sm_51")
        {
            EntrySymbol = "f",
        };

        NvrtcCompiler
            .Instance.Invoking(c => c.Compile(spec))
            .Should()
            .Throw<KernelCompilationException>()
            .WithMessage("*does not know the target sm_51*sm_80*");
    }

    [NvrtcFact]
    public void Compile_PortableKernelForANewerDevice_GivesPtxOfTheNewestKnownTarget()
    {
        var newest = NvrtcCompiler.Instance.SupportedArchitectures.Max();
        var spec = new KernelSpec("new", "extern \"C\" __global__ void f() {}", "sm_999a")
        {
            EntrySymbol = "f",
            IsPortable = true,
        };

        var kernel = NvrtcCompiler.Instance.Compile(spec);

        kernel.Architecture.Should().Be($"compute_{newest}");
        var text = System.Text.Encoding.UTF8.GetString(kernel.Cubin.Span);
        text.Should().Contain($".target sm_{newest}").And.Contain(".entry f(").And.EndWith("\0");
    }

    [NvrtcFact]
    public void Compile_PortableKernelForAKnownTarget_GivesMachineCode()
    {
        var spec = new KernelSpec("old", "extern \"C\" __global__ void f() {}", "sm_90a")
        {
            EntrySymbol = "f",
            IsPortable = true,
        };

        NvrtcCompiler.Instance.Compile(spec).Architecture.Should().Be("sm_90a");
    }

    [NvrtcFact]
    public void Compile_UnknownExpression_Fails()
    {
        var spec = new KernelSpec("none", "__global__ void f() {}", "sm_90a")
        {
            EntryExpression = "missing<1>",
        };

        NvrtcCompiler
            .Instance.Invoking(c => c.Compile(spec))
            .Should()
            .Throw<KernelCompilationException>();
    }

    [NvrtcFact]
    public void Compile_FromFourThreads_GivesTheSameCode()
    {
        var spec = new KernelSpec("wgmma", Wgmma, "sm_90a") { EntrySymbol = "wgmma_kernel" };
        var results = new byte[4][];

        Parallel.For(0, 4, i => results[i] = NvrtcCompiler.Instance.Compile(spec).Cubin.ToArray());

        results.Should().AllSatisfy(r => r.Should().Equal(results[0]));
    }

    [NvrtcFact]
    public void Identity_NamesTheFullVersion()
    {
        NvrtcCompiler.Instance.Identity.Should().MatchRegex(@"^nvrtc \S+ \d+\.\d+ ");
        NvrtcCompiler.Instance.Identity.Should().NotContain("/");
        NvrtcCompiler.Instance.SupportedArchitectures.Should().Contain([80, 90]);
    }

    [NvrtcFact]
    public void Cache_WithDump_WritesPtxAndSass()
    {
        using var directory = new TempDirectory();
        using var cache = new JitKernelCache(
            new JitOptions
            {
                CacheDirectory = directory.Combine("cache"),
                DumpDirectory = directory.Combine("dump"),
            }
        );

        cache.GetOrBuild(new KernelSpec("wgmma", Wgmma, "sm_90a") { EntrySymbol = "wgmma_kernel" });

        var files = Directory.GetFiles(directory.Combine("dump"));
        Text(".ptx").Should().Contain("wgmma.mma_async");
        if (files.Any(f => f.EndsWith(".sass", StringComparison.Ordinal)))
            Text(".sass").Should().MatchRegex("QGMMA");

        string Text(string extension) =>
            File.ReadAllText(files.Single(f => f.EndsWith(extension, StringComparison.Ordinal)));
    }

    [NvrtcFact]
    public void Resources_OfDamagedCubins_NeverThrow()
    {
        var cubin = NvrtcCompiler
            .Instance.Compile(
                new KernelSpec("wgmma", Wgmma, "sm_90a") { EntrySymbol = "wgmma_kernel" }
            )
            .Cubin.ToArray();
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var damaged = cubin[..random.Next(cubin.Length)];
            for (var flip = 0; flip < 8 && damaged.Length > 0; flip++)
                damaged[random.Next(Math.Min(damaged.Length, i % 2 == 0 ? 64 : damaged.Length))] ^=
                    (byte)(1 << random.Next(8));

            _ = CubinResources.Read(damaged, "wgmma_kernel");
            CubinResources.Kernels(damaged).Should().NotBeNull();
        }
        for (var i = 0; i < 64 * 8; i++)
        {
            var damaged = cubin.ToArray();
            damaged[i / 8] ^= (byte)(1 << (i % 8));
            _ = CubinResources.Read(damaged, "wgmma_kernel");
        }
    }

    [NvrtcFact]
    public async Task Resources_OfTheCubin_AreThoseOfTheToolkit()
    {
        var tool = Path.Combine(
            Path.GetDirectoryName(Path.GetDirectoryName(NvrtcCompiler.Instance.LibraryPath)) ?? "",
            "bin",
            "cuobjdump"
        );
        Assert.SkipUnless(File.Exists(tool), "needs cuobjdump beside NVRTC");
        using var directory = new TempDirectory();
        var kernel = NvrtcCompiler.Instance.Compile(
            new KernelSpec("wgmma", Wgmma, "sm_90a") { EntrySymbol = "wgmma_kernel" }
        );
        var path = directory.Combine("k.cubin");
        await File.WriteAllBytesAsync(
            path,
            kernel.Cubin.ToArray(),
            TestContext.Current.CancellationToken
        );

        var result = await ChildProcess.RunAsync(tool, ["--dump-resource-usage", path]);

        var match = Regex.Match(result.StandardOutput, @"REG:(\d+) STACK:(\d+) SHARED:(\d+)");
        match.Success.Should().BeTrue(result.StandardOutput);
        $"{kernel.Registers} {kernel.LocalBytes} {kernel.StaticSharedBytes}"
            .Should()
            .Be($"{match.Groups[1]} {match.Groups[2]} {match.Groups[3]}");
    }
}
