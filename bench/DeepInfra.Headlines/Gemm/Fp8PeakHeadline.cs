// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using DeepInfra.Core;
using DeepInfra.Gemm;
using DeepInfra.Headlines.Ceilings;

namespace DeepInfra.Headlines.Gemm;

/// <summary>A large FP8 multiplication against the multiply-add peak of the same machine in the same run.</summary>
internal sealed class Fp8PeakHeadline : IHeadline
{
    private const int Size = 1024;
    private const int Rounds = 25;

    public string Name => "gemm-fp8-cpu-peak";
    public string Unit => "x";
    public string Goal => ">= 0.8";

    public HeadlineResult Measure(TextWriter log)
    {
        var random = new Random(1);
        var a = GemmInputs.Fp8(random, Size, Size, rowsPerScale: 1);
        var b = GemmInputs.Fp8(random, Size, Size, rowsPerScale: 128);
        var d = Tensor<BFloat16>.Create([Size, Size]);
        var ops = GemmContext.Cpu.Ops;
        ops.Fp8GemmNT(a, b, d);
        var flops = 2.0 * Size * Size * Size;
        double peak = 0,
            best = 0;
        // Alternating, so that a change of clock or a busy neighbour meets both; the best of each counts.
        for (var round = 0; round < Rounds; round++)
        {
            peak = Math.Max(peak, FmaPeak.MeasureGflops(repetitions: 1, iterations: 500_000));
            for (var i = 0; i < 4; i++)
            {
                var start = Stopwatch.GetTimestamp();
                ops.Fp8GemmNT(a, b, d);
                best = Math.Max(best, flops / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
            }
        }
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"FP8 1x128 by 128x128 scales, {Size}x{Size}x{Size} to BF16, {Environment.ProcessorCount} threads: {best:0.0} GFLOP/s; FP32 multiply-add peak: {peak:0.0} GFLOP/s"
            )
        );
        if (OneDnn.IsAvailable)
            ShowOneDnn(b, flops, log);
        return new HeadlineResult(best / peak);
    }

    /// <summary>For comparison: BFloat16 operands through the processor's own dot products, which have twice the peak.</summary>
    private static void ShowOneDnn(ScaledTensor b, double flops, TextWriter log)
    {
        using var weights = GemmInputs.Dequantize(b);
        var d = Tensor<float>.Create([Size, Size]);
        // The weights are as good as any operand of this shape.
        using var matmul = new OneDnnMatmul(weights, [weights], d);
        double best = 0;
        for (var i = 0; i < Rounds * 4; i++)
        {
            var start = Stopwatch.GetTimestamp();
            matmul.Run(0);
            best = Math.Max(best, flops / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"oneDNN bf16 ({matmul.Implementation}), same shape: {best:0.0} GFLOP/s"
            )
        );
    }
}
