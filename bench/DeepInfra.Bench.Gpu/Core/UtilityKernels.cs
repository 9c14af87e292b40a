// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Bench.Gpu.Core;

/// <summary>The utility kernels against the driver's device-to-device copy. All are bound by memory.</summary>
internal sealed class UtilityKernels(Measurements measurements)
{
    private const int Group = 128;

    private readonly int _size = measurements.IsSmoke ? 256 : 8192;

    public void Run()
    {
        var (stream, timer) = (measurements.Stream, measurements.Timer);
        var (rows, columns) = (_size, _size);
        using var host = RandomValues();
        using var x = (Tensor<float>)((Tensor)host).ToDevice(stream.Device, stream);
        using var copy = Tensor<float>.Create([rows, columns], stream);
        using var transposed = Tensor<float>.Create([columns, rows], stream);
        using var narrow = Tensor<BFloat16>.Create([rows, columns], stream);
        using var codes = Tensor<Float8E4M3>.Create([rows, columns], stream);
        using var tokenScales = Tensor<float>.Create([rows, columns / Group], stream);
        using var blockScales = Tensor<float>.Create([rows / Group, columns / Group], stream);
        long n = (long)rows * columns;

        Add("fill", timer.Measure(() => CudaTensor.Fill(copy, 0, stream)), 4 * n);
        Add("copy", timer.Measure(() => CudaTensor.Copy(x, copy, stream)), 8 * n);
        Expect(CudaTensor.Compare(copy, x, stream), "copy");
        var view = x.AsTransposed();
        Add("transpose", timer.Measure(() => CudaTensor.Copy(view, transposed, stream)), 8 * n);
        Expect(CudaTensor.Compare(transposed, view, stream), "transpose");
        Add("cast to bfloat16", timer.Measure(() => CudaTensor.Cast(x, narrow, stream)), 6 * n);
        Expect(CudaTensor.Compare(narrow, x, stream, relative: 1f / 256), "cast");

        var time = timer.Measure(() => Quantizer.QuantizePerToken(x, codes, tokenScales, stream));
        Add("quantise per token", time, 5 * n + 4 * n / Group);
        time = timer.Measure(() => Quantizer.DequantizePerToken(codes, tokenScales, copy, stream));
        Add("dequantise per token", time, 5 * n + 4 * n / Group);
        Expect(
            CudaTensor.Compare(copy, x, stream, absolute: 0.02f, relative: 1f / 16),
            "per token"
        );
        time = timer.Measure(() => Quantizer.QuantizePerBlock(x, codes, blockScales, stream));
        Add("quantise per block", time, 5 * n);
        Quantizer.DequantizePerBlock(codes, blockScales, copy, stream);
        Expect(
            CudaTensor.Compare(copy, x, stream, absolute: 0.02f, relative: 1f / 16),
            "per block"
        );
    }

    private Tensor<float> RandomValues()
    {
        var random = new Random(1);
        var host = Tensor<float>.Create([_size, _size]);
        for (var i = 0; i < _size; i++)
        for (var j = 0; j < _size; j++)
            host[i, j] = 2 * random.NextSingle() - 1;
        return host;
    }

    private void Add(string name, double microseconds, long bytes) =>
        measurements.Add("core", name, $"[{_size},{_size}]", microseconds, bytes);

    // A figure of a wrong result is worth nothing.
    private static void Expect(TensorDifference difference, string name)
    {
        if (!difference.IsEmpty)
            throw new InvalidOperationException($"{name} is wrong: {difference}");
    }
}
