// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.Core.Numerics;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Benchmarks.Core;

/// <summary>Quantisation into given tensors, all threads: a training activation and a layer input of the large model.</summary>
[MemoryDiagnoser]
public class QuantizerBenchmarks
{
    private Tensor<float> _x = null!;
    private Tensor<BFloat16> _bf16 = null!;
    private Tensor<float> _transposed = null!;
    private Tensor<Float8E4M3> _codes = null!;
    private Tensor<byte> _fp4 = null!;
    private Tensor<float> _perToken = null!;
    private Tensor<float> _perBlock = null!;
    private Tensor<float> _perChannel = null!;

    [Params(512, 7168)]
    public int Width { get; set; }

    [Params(128, 1024)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _x = Tensor<float>.Create([Rows, Width]);
        foreach (ref var value in _x.AsSpan())
            value = random.NextSingle() - 0.5f;
        _bf16 = Tensor<BFloat16>.Create(_x.Shape);
        NumberConvert.Narrow(_x.AsSpan(), _bf16.AsSpan());
        _transposed = _x.AsTransposed().ToContiguous();
        _codes = Tensor<Float8E4M3>.Create(_x.Shape);
        _fp4 = Tensor<byte>.Create([Rows, Width / 2]);
        _perToken = Tensor<float>.Create([Rows, Width / 128]);
        _perBlock = Tensor<float>.Create([Rows / 128, Width / 128]);
        _perChannel = Tensor<float>.Create([Rows / 128, Width]);
    }

    [Benchmark(Baseline = true)]
    public void PerToken() => Quantizer.QuantizePerToken(_x, _codes, _perToken);

    [Benchmark]
    public void PerTokenBFloat16() => Quantizer.QuantizePerToken(_bf16, _codes, _perToken);

    [Benchmark]
    public void PerTokenTransposed() =>
        Quantizer.QuantizePerToken(_transposed.AsTransposed(), _codes, _perToken);

    [Benchmark]
    public void PerTokenFp4() => Quantizer.QuantizePerTokenFp4(_x, _fp4, _perToken);

    [Benchmark]
    public void PerBlock() => Quantizer.QuantizePerBlock(_x, _codes, _perBlock);

    [Benchmark]
    public void PerChannel() => Quantizer.QuantizePerChannel(_x, _codes, _perChannel);

    [Benchmark]
    public void Dequantize() => Quantizer.DequantizePerToken(_codes, _perToken, _x);
}
