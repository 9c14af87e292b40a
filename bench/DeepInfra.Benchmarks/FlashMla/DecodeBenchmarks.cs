// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.FlashMla;

namespace DeepInfra.Benchmarks.FlashMla;

/// <summary>Dense decode, all threads, into given tensors. FLOP per call: 2·1,088·batch·heads·length.</summary>
[MemoryDiagnoser]
public class DecodeBenchmarks : IDisposable
{
    private const int Page = 64;

    private MlaDecodePlan _plan = null!;
    private KvBlocks _cache;
    private Tensor<int> _table = null!;
    private Tensor<int> _lengths = null!;
    private Tensor<BFloat16> _query = null!;
    private Tensor<BFloat16> _output = null!;
    private Tensor<float> _lse = null!;

    [Params(1, 8)]
    public int Batch { get; set; }

    [Params(4, 16, 128)]
    public int Heads { get; set; }

    [Params(1024, 8192)]
    public int Length { get; set; }

    [Params(KvCacheFormat.BFloat16, KvCacheFormat.Fp8V32)]
    public KvCacheFormat Format { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        var blocks = Batch * Length / Page;
        _cache = KvBlocks.Allocate(Format, blocks, Page);
        using (var rows = Tensor<BFloat16>.Create([blocks, Page, 1, 576]))
        {
            foreach (ref var x in rows.AsSpan())
                x = (BFloat16)(random.NextSingle() - 0.5f);
            MlaKvQuantizer.Quantize(rows, _cache);
        }
        var order = Enumerable.Range(0, blocks).ToArray();
        random.Shuffle(order);
        _table = Tensor<int>.FromSpan(order, [Batch, Length / Page]);
        _lengths = Tensor<int>.Create([Batch]);
        _lengths.Fill(Length);
        _query = Tensor<BFloat16>.Create([Batch, 1, Heads, 576]);
        foreach (ref var x in _query.AsSpan())
            x = (BFloat16)(random.NextSingle() - 0.5f);
        _output = Tensor<BFloat16>.Create([Batch, 1, Heads, 512]);
        _lse = Tensor<float>.Create([Batch, Heads, 1]);
        _plan = MlaDecodePlan.Create(
            Device.Cpu,
            new()
            {
                Shape = MlaShape.DeepSeekV3(Heads),
                MaxBatch = Batch,
                Format = Format,
            }
        );
        _plan.Update(_lengths);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _plan.Dispose();
        _cache.Data.Dispose();
        _table.Dispose();
        _lengths.Dispose();
        _query.Dispose();
        _output.Dispose();
        _lse.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Decode() =>
        MlaAttention.Decode(_plan, _query, _cache, _table, _lengths, _output, _lse);
}
