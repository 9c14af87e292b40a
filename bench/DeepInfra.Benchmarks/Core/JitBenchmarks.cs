// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using DeepInfra.Core.Jit;
using DeepInfra.Gemm.Cuda;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Benchmarks.Core;

/// <summary>
/// The matrix kernels through the cache: compiled from nothing (a source never seen before), read from a warm folder, and found in
/// memory. Needs NVRTC, not a GPU.
/// </summary>
[MemoryDiagnoser]
[SuppressMessage(
    "Design",
    "CA1001:Types that own disposable fields should be disposable",
    Justification = "BenchmarkDotNet calls Cleanup."
)]
public class JitBenchmarks
{
    private readonly string _folder = Directory.CreateTempSubdirectory("deepinfra-bench-").FullName;
    private JitKernelCache _cache = null!;
    private KernelSpec _known = null!;
    private int _next;

    /// <summary>The kernel.</summary>
    [Params("sm89_fp8_gemm", "sm90_bf16_gemm")]
    public string Kernel { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _cache = new JitKernelCache(
            new JitOptions { CacheDirectory = _folder, DumpDirectory = "" }
        );
        _known = Create(0);
        _cache.GetOrBuild(_known);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _cache.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Source, compilation, checksum, fsync and rename.</summary>
    [Benchmark]
    public CompiledKernel ColdCompile() => _cache.GetOrBuild(Create(++_next));

    /// <summary>Digest of the inputs, file, checksum.</summary>
    [Benchmark]
    public CompiledKernel CachedLoad()
    {
        _cache.ClearMemory();
        return _cache.GetOrBuild(Create(0));
    }

    /// <summary>The path of every launch after the first.</summary>
    [Benchmark]
    public CompiledKernel MemoryHit() => _cache.GetOrBuild(_known);

    // The kernel with a comment that nobody has compiled yet.
    private KernelSpec Create(int number)
    {
        const string Architecture = "sm_90a";
        const ElementKind E4M3 = ElementKind.Float8E4M3;
        var spec =
            Kernel == "sm90_bf16_gemm"
                ? GemmKernels.Of(new Bf16Variant(Architecture, 128, true, true))
                : GemmKernels.Of(new Fp8Variant(Architecture, E4M3, E4M3, true, true, 128));
        return new KernelSpec(
            spec.Name,
            $"// {Environment.ProcessId} {number}\n{spec.Source}",
            spec.Architecture
        )
        {
            Headers = spec.Headers,
            EntryExpression = spec.EntryExpression,
            Description = spec.Description,
            IsPortable = spec.IsPortable,
        };
    }
}
