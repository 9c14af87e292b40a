// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Core;
using DeepInfra.FlashMla;

namespace DeepInfra.Headlines.FlashMla;

/// <summary>A decode step over a BFloat16 cache with random contents and blocks in random order.</summary>
internal sealed class DecodeProblem : IDisposable
{
    private const int Page = 64;

    private readonly MlaDecodePlan _plan;
    private readonly KvBlocks _cache;
    private readonly Tensor<int> _table;
    private readonly Tensor<int> _lengths;
    private readonly Tensor<BFloat16> _query;
    private readonly Tensor<BFloat16> _output;
    private readonly Tensor<float> _lse;
    private readonly int _batch;
    private readonly int _heads;
    private readonly int _length;

    public DecodeProblem(int batch, int heads, int length)
    {
        (_batch, _heads, _length) = (batch, heads, length);
        var random = new Random(1);
        var perRequest = length / Page;
        _cache = KvBlocks.Allocate(KvCacheFormat.BFloat16, batch * perRequest, Page);
        Fill(_cache.Data.As<BFloat16>(), random, 0.1f);
        var order = Enumerable.Range(0, batch * perRequest).ToArray();
        random.Shuffle(order);
        _table = Tensor<int>.FromSpan(order, [batch, perRequest]);
        _lengths = Tensor<int>.Create([batch]);
        _lengths.Fill(length);
        _query = Tensor<BFloat16>.Create([batch, 1, heads, 576]);
        Fill(_query, random, 1);
        _output = Tensor<BFloat16>.Create([batch, 1, heads, 512]);
        _lse = Tensor<float>.Create([batch, heads, 1]);
        _plan = MlaDecodePlan.Create(
            Device.Cpu,
            new() { Shape = MlaShape.DeepSeekV3(heads), MaxBatch = batch }
        );
        _plan.Update(_lengths);
    }

    /// <summary>Bytes a call must read and write: every cached token once, queries and outputs.</summary>
    public double Bytes => (double)_batch * (_length * 1152.0 + 2.0 * _heads * (576 + 512));

    /// <summary>Multiplications and additions of a call: 2·(576 + 512) per head and token.</summary>
    public double Flops => 2.0 * _batch * _heads * _length * (576 + 512);

    public string Shape => $"b={_batch} h={_heads} s_k={_length} bf16";

    /// <summary>Seconds of one call.</summary>
    public double Run()
    {
        var start = Stopwatch.GetTimestamp();
        MlaAttention.Decode(_plan, _query, _cache, _table, _lengths, _output, _lse);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        _plan.Dispose();
        _cache.Data.Dispose();
        _table.Dispose();
        _lengths.Dispose();
        _query.Dispose();
        _output.Dispose();
        _lse.Dispose();
    }

    private static void Fill(Tensor<BFloat16> tensor, Random random, float magnitude)
    {
        foreach (ref var value in tensor.AsSpan())
            value = (BFloat16)((random.NextSingle() * 2 - 1) * magnitude);
    }
}
