// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using DeepInfra.Core.Jit;

namespace DeepInfra.Benchmarks.Core;

/// <summary>
/// Kernels through the cache: compiled from nothing (a source never seen before), read from a warm folder, and found in memory.
/// Needs NVRTC, not a GPU.
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

    // A warpgroup multiply of FP8 in a loop, as the kernels of matrix products have it.
    private static KernelSpec Create(int number) =>
        new(
            "bench",
            $$"""
            // {{Environment.ProcessId}} {{number}}
            template <int kSteps> __global__ void __launch_bounds__(128) product(
                float* out, unsigned long long a, unsigned long long b) {
                float d[4] = {0.f, 0.f, 0.f, 0.f};
                for (int step = 0; step < kSteps; ++step) {
                    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
                    asm volatile(
                        "wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {%0, %1, %2, %3}, %4, %5, 1, 1, 1;"
                        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "l"(a + step), "l"(b + step));
                    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
                    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
                }
                for (int i = 0; i < 4; ++i) out[threadIdx.x * 4 + i] = d[i];
            }
            """,
            "sm_90a"
        )
        {
            EntryExpression = "product<4>",
        };
}
