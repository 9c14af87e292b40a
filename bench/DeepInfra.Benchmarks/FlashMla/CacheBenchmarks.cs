// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.FlashMla;

namespace DeepInfra.Benchmarks.FlashMla;

/// <summary>Quantising append and gather, all threads: 1,152 plain bytes per token on one side, the stored row on the other.</summary>
[MemoryDiagnoser]
public class CacheBenchmarks : IDisposable
{
    private PagedMlaKvCache _cache = null!;
    private Tensor<int> _slots = null!;
    private Tensor<BFloat16> _rows = null!;

    [Params(1, 128, 8192)]
    public int Tokens { get; set; }

    [Params(KvCacheFormat.BFloat16, KvCacheFormat.Fp8V32)]
    public KvCacheFormat Format { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _cache = new PagedMlaKvCache(new() { BlockCount = 256, Format = Format });
        var order = Enumerable.Range(0, 256 * 64).ToArray();
        random.Shuffle(order);
        _slots = Tensor<int>.FromSpan(order.AsSpan(0, Tokens), [Tokens]);
        _rows = Tensor<BFloat16>.Create([Tokens, 576]);
        foreach (ref var x in _rows.AsSpan())
            x = (BFloat16)(random.NextSingle() - 0.5f);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _cache.Dispose();
        _slots.Dispose();
        _rows.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Append() => _cache.Append(0, _slots, _rows);

    [Benchmark]
    public void Gather() => _cache.Gather(0, _slots, _rows);
}
