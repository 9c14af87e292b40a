// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Benchmarks.Core;

/// <summary>The cost of a parallel loop whose items do nothing.</summary>
[MemoryDiagnoser]
public class CpuParallelBenchmarks
{
    [Params(2, 64, 4096)]
    public int Items { get; set; }

    [Params(1, 2)]
    public int Threads { get; set; }

    [Benchmark]
    public void Run()
    {
        var work = default(Nothing);
        CpuParallel.Run(Items, ref work, Threads);
    }

    private struct Nothing : ICpuWork
    {
        public readonly void Execute(int item, int worker) { }
    }
}
