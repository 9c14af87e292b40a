// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.FlashMla;

namespace DeepInfra.Benchmarks.FlashMla;

/// <summary>
/// Causal 192/128 attention of 2,048 tokens, four heads, all threads. FLOP per visible pair and head: forward
/// 2·(192 + 128), backward 2·(3·192 + 2·128).
/// </summary>
[MemoryDiagnoser]
public class PrefillBenchmarks
{
    private const int Tokens = 2048;
    private const int Heads = 4;

    private Tensor<float> _q = null!;
    private Tensor<float> _k = null!;
    private Tensor<float> _v = null!;
    private Tensor<float> _out = null!;
    private Tensor<float> _lse = null!;
    private Tensor<float> _gradOut = null!;
    private Tensor<float> _gradQ = null!;
    private Tensor<float> _gradK = null!;
    private Tensor<float> _gradV = null!;
    private Tensor<int> _offsets = null!;

    [Params(128, 512, 2048)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _q = Rows(1, 192);
        _k = Rows(2, 192);
        _v = Rows(3, 128);
        _gradOut = Rows(4, 128);
        _out = Tensor<float>.Create([Tokens, Heads, 128]);
        _lse = Tensor<float>.Create([Tokens, Heads]);
        _gradQ = Tensor<float>.Create([Tokens, Heads, 192]);
        _gradK = Tensor<float>.Create([Tokens, Heads, 192]);
        _gradV = Tensor<float>.Create([Tokens, Heads, 128]);
        int[] offsets = [.. Enumerable.Range(0, Tokens / Length + 1).Select(i => i * Length)];
        _offsets = Tensor<int>.FromSpan(offsets, [offsets.Length]);
        Forward();
    }

    [Benchmark]
    public void Forward() =>
        MlaAttention.PrefillDense(
            _q,
            _k,
            _v,
            _offsets,
            _offsets,
            Length,
            Length,
            causal: true,
            output: _out,
            logSumExp: _lse
        );

    [Benchmark]
    public void Backward() =>
        MlaAttention.PrefillDenseBackward(
            _gradOut,
            _q,
            _k,
            _v,
            _out,
            _lse,
            _offsets,
            _offsets,
            Length,
            Length,
            causal: true,
            gradQuery: _gradQ,
            gradKey: _gradK,
            gradValue: _gradV
        );

    private static Tensor<float> Rows(int seed, int columns)
    {
        var random = new Random(seed);
        var rows = Tensor<float>.Create([Tokens, Heads, columns]);
        foreach (ref var x in rows.AsSpan())
            x = random.NextSingle() - 0.5f;
        return rows;
    }
}
