// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.FlashMla;

namespace DeepInfra.Benchmarks.FlashMla;

/// <summary>The split-KV schedule on one thread, for the 132 parts of a large GPU.</summary>
[MemoryDiagnoser]
public class PlanBenchmarks
{
    private readonly MlaPartRecord[] _parts = new MlaPartRecord[132];
    private int[] _lengths = [];
    private int[] _splits = [];

    [Params(1, 128, 4096)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _lengths = [.. Enumerable.Range(0, Batch).Select(_ => random.Next(1, 16_384))];
        _splits = new int[Batch + 1];
    }

    [Benchmark]
    public int Compute() => MlaSchedule.Compute(_lengths, 5, _parts, _splits);
}
