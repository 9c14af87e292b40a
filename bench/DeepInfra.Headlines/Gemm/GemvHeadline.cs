// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using DeepInfra.Core;
using DeepInfra.Gemm;
using DeepInfra.Headlines.Ceilings;

namespace DeepInfra.Headlines.Gemm;

/// <summary>
/// One row against FP8 weights, compared with oneDNN's BFloat16 multiplication of the same shape, or with OpenBLAS's Float32
/// matrix-vector product where oneDNN is not installed. Weights rotate through more memory than the caches hold.
/// </summary>
internal sealed unsafe class GemvHeadline : IHeadline
{
    private const int N = 7168;
    private const int K = 2048;
    private const int Matrices = 8;
    private const int Rounds = 40;

    public string Name => "gemm-fp8-cpu-gemv-vs-onednn";
    public string Unit => "x";
    public string Goal => ">= 1.5";

    public HeadlineResult Measure(TextWriter log)
    {
        var random = new Random(1);
        var a = GemmInputs.Fp8(random, 1, K, rowsPerScale: 1);
        var b = new ScaledTensor[Matrices];
        for (var i = 0; i < Matrices; i++)
            b[i] = GemmInputs.Fp8(random, N, K, rowsPerScale: 128);
        var d = Tensor<float>.Create([1, N]);
        var ops = GemmContext.Cpu.Ops;
        Action<int> ours = i => ops.Fp8GemmNT(a, b[i], d);

        using var rival = CreateRival(random, b, log);
        var (own, other) = Compare(ours, rival.Run);
        var gigabytes = (double)N * K / own / 1e9;
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"M=1 N={N} K={K}, {Environment.ProcessorCount} threads: FP8 {own * 1e6:0} us ({gigabytes:0.0} GB/s of weights), {rival.Name} {other * 1e6:0} us; read bandwidth {ReadBandwidth.MeasureGigabytesPerSecond():0.0} GB/s"
            )
        );
        return new HeadlineResult(other / own);
    }

    /// <summary>
    /// Seconds per call of both, in alternating passes over all matrices; the best pass of each counts, because
    /// other programs on the machine only ever add time.
    /// </summary>
    private static (double First, double Second) Compare(Action<int> first, Action<int> second)
    {
        var (bestFirst, bestSecond) = (double.MaxValue, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            bestFirst = Math.Min(bestFirst, Pass(first));
            bestSecond = Math.Min(bestSecond, Pass(second));
        }
        return (bestFirst, bestSecond);
    }

    private static double Pass(Action<int> run)
    {
        // Threads of the other side (OpenMP's) spin for a while after their last call; let them go to sleep.
        Thread.Sleep(20);
        run(Matrices - 1);
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < Matrices; i++)
            run(i);
        return Stopwatch.GetElapsedTime(start).TotalSeconds / Matrices;
    }

    private static Rival CreateRival(Random random, ScaledTensor[] b, TextWriter log)
    {
        if (OneDnn.IsAvailable)
        {
            var x = Tensor<BFloat16>.Create([1, K]);
            foreach (ref var value in x.AsSpan())
                value = (BFloat16)(float)(random.NextDouble() - 0.5);
            var y = Tensor<float>.Create([1, N]);
            var matmul = new OneDnnMatmul(x, b.Select(GemmInputs.Dequantize), y);
            matmul.Run(0);
            CheckAgainst(y, x, b[0], log);
            return new Rival($"oneDNN bf16 ({matmul.Implementation})", matmul.Run, matmul);
        }
        if (!OpenBlas.IsAvailable)
            throw new InvalidOperationException(
                "needs oneDNN (apt-get install libdnnl2) or OpenBLAS (apt-get install libopenblas0-pthread)"
            );
        var vector = Tensor<float>.Create([K]);
        vector.Fill(1f);
        var result = Tensor<float>.Create([N]);
        var matrices = b.Select(weights =>
            {
                var values = GemmInputs.Dequantize(weights);
                var wide = Tensor<float>.Create([N, K], zeroed: false);
                for (long i = 0; i < wide.ElementCount; i++)
                    wide.AsSpan()[(int)i] = (float)values.AsSpan()[(int)i];
                values.Dispose();
                return wide;
            })
            .ToArray();
        return new Rival(
            "OpenBLAS sgemv",
            i =>
                OpenBlas.MatrixVector(
                    N,
                    K,
                    (float*)matrices[i].DataPointer,
                    (float*)vector.DataPointer,
                    (float*)result.DataPointer
                ),
            null
        );
    }

    /// <summary>A rival that computes something else would not be one.</summary>
    private static void CheckAgainst(
        Tensor<float> y,
        Tensor<BFloat16> x,
        ScaledTensor weights,
        TextWriter log
    )
    {
        using var values = GemmInputs.Dequantize(weights);
        var expected = Tensor<float>.Create([1, N]);
        GemmContext.Cpu.Ops.Bf16GemmNT(x, values, expected);
        double[] left = [.. y.ToArray()];
        double[] right = [.. expected.ToArray()];
        var difference = GemmDiagnostics.CalcDiff(left, right);
        if (!(difference < 1e-5))
            throw new InvalidOperationException(
                $"oneDNN's result differs from ours by {difference}"
            );
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"oneDNN and ours agree on the same BF16 operands (difference {difference:0.0e0})"
            )
        );
    }

    private sealed record Rival(string Name, Action<int> Run, IDisposable? Owner) : IDisposable
    {
        public void Dispose() => Owner?.Dispose();
    }
}
