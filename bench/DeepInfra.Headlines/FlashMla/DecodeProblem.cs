// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
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

    public DecodeProblem(int batch, int heads, int length)
    {
        (Batch, Heads, Length) = (batch, heads, length);
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

    public int Batch { get; }

    public int Heads { get; }

    public int Length { get; }

    /// <summary>Results <c>[b, 1, h, 512]</c> of the last run.</summary>
    public Tensor<BFloat16> Output => _output;

    /// <summary>Bytes a call must read and write: every cached token once, queries and outputs.</summary>
    public double Bytes => (double)Batch * (Length * 1152.0 + 2.0 * Heads * (576 + 512));

    /// <summary>Multiplications and additions of a call: 2·(576 + 512) per head and token.</summary>
    public double Flops => 2.0 * Batch * Heads * Length * (576 + 512);

    public string Shape => $"b={Batch} h={Heads} s_k={Length} bf16";

    /// <summary>Seconds of one call.</summary>
    public double Run()
    {
        var start = Stopwatch.GetTimestamp();
        MlaAttention.Decode(_plan, _query, _cache, _table, _lengths, _output, _lse);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>The cache in float32, in token order: <c>[b, tokens, 576]</c>.</summary>
    public Tensor<float> ToFloatKeys()
    {
        var keys = Tensor<float>.Create([Batch, Length, 576], zeroed: false);
        var rows = _cache.Data.As<BFloat16>().AsView();
        for (var b = 0; b < Batch; b++)
        for (var t = 0; t < Length; t++)
            Widen(rows.Row(_table[b, t / Page], t % Page, 0), keys.AsView().Row(b, t));
        return keys;
    }

    /// <summary>The queries in float32: <c>[b, h, 576]</c>.</summary>
    public Tensor<float> ToFloatQuery()
    {
        var query = Tensor<float>.Create([Batch, Heads, 576], zeroed: false);
        Widen(_query.AsSpan(), query.AsSpan());
        return query;
    }

    /// <summary>Logs how a run compares with OpenBLAS, if that is installed.</summary>
    public void CompareWithOpenBlas(double seconds, TextWriter log)
    {
        if (!OpenBlasDecode.TryCreate(this, out var rival))
        {
            log.WriteLine("OpenBLAS is not installed: no comparison with its float32 composition");
            return;
        }
        using (rival)
        {
            var best = double.MaxValue;
            for (var i = 0; i < 6; i++)
                best = Math.Min(best, rival.Run());
            Run();
            var worst = 0f;
            for (var i = 0; i < _output.AsSpan().Length; i++)
                worst = Math.Max(
                    worst,
                    Math.Abs((float)_output.AsSpan()[i] - rival.Output.AsSpan()[i])
                );
            log.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"OpenBLAS float32 composition: {best * 1e3:0.00} ms, {best / seconds:0.00} times as long; results differ by at most {worst:0.0e0}"
                )
            );
        }
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

    private static void Widen(ReadOnlySpan<BFloat16> source, Span<float> destination)
    {
        for (var i = 0; i < source.Length; i++)
            destination[i] = (float)source[i];
    }

    private static void Fill(Tensor<BFloat16> tensor, Random random, float magnitude)
    {
        foreach (ref var value in tensor.AsSpan())
            value = (BFloat16)((random.NextSingle() * 2 - 1) * magnitude);
    }
}
