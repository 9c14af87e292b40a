// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.Headlines.FlashMla;

/// <summary>
/// The rival of decode on the CPU: OpenBLAS in float32 on a cache that was converted beforehand, as GEMM, softmax, GEMM per request. It is
/// used if the machine has it. The softmax is the vectorised one of the product, so that the rival does not suffer from it.
/// </summary>
internal sealed unsafe class OpenBlasDecode : IDisposable
{
    private const int RowMajor = 101;
    private const int NoTranspose = 111;
    private const int Transpose = 112;
    private const int HeadDim = 576;
    private const int ValueDim = 512;

    private readonly delegate* unmanaged<
        int,
        int,
        int,
        int,
        int,
        int,
        float,
        float*,
        int,
        float*,
        int,
        float,
        float*,
        int,
        void> _gemm;
    private readonly int _batch;
    private readonly int _heads;
    private readonly int _length;
    private readonly Tensor<float> _keys;
    private readonly Tensor<float> _query;
    private readonly Tensor<float> _scores;

    private OpenBlasDecode(nint gemm, DecodeProblem problem)
    {
        _gemm = (delegate* unmanaged<
            int,
            int,
            int,
            int,
            int,
            int,
            float,
            float*,
            int,
            float*,
            int,
            float,
            float*,
            int,
            void>)gemm;
        (_batch, _heads, _length) = (problem.Batch, problem.Heads, problem.Length);
        _keys = problem.ToFloatKeys();
        _query = problem.ToFloatQuery();
        _scores = Tensor<float>.Create([_heads, _length]);
        Output = Tensor<float>.Create([_batch, _heads, ValueDim]);
    }

    /// <summary>Normalised results <c>[b, h, 512]</c> of the last run.</summary>
    public Tensor<float> Output { get; }

    public static bool TryCreate(
        DecodeProblem problem,
        [NotNullWhen(true)] out OpenBlasDecode? decode
    )
    {
        decode = null;
        foreach (var name in new[] { "libopenblas.so.0", "libopenblas.so", "libopenblas" })
        {
            if (!NativeLibrary.TryLoad(name, out var library))
                continue;
            if (!NativeLibrary.TryGetExport(library, "cblas_sgemm", out var gemm))
                continue;
            decode = new OpenBlasDecode(gemm, problem);
            return true;
        }
        return false;
    }

    /// <summary>Seconds of one call.</summary>
    public double Run()
    {
        var start = Stopwatch.GetTimestamp();
        var scale = (float)(1 / Math.Sqrt(HeadDim) * SimdMath.Log2E);
        for (var b = 0; b < _batch; b++)
        {
            var keys = _keys.DataPointer + (long)b * _length * HeadDim;
            var output = Output.DataPointer + (long)b * _heads * ValueDim;
            var scores = _scores.DataPointer;
            _gemm(
                RowMajor,
                NoTranspose,
                Transpose,
                _heads,
                _length,
                HeadDim,
                1,
                _query.DataPointer + (long)b * _heads * HeadDim,
                HeadDim,
                keys,
                HeadDim,
                0,
                scores,
                _length
            );
            for (var h = 0; h < _heads; h++)
                Softmax(scores + (long)h * _length, scale);
            _gemm(
                RowMajor,
                NoTranspose,
                NoTranspose,
                _heads,
                ValueDim,
                _length,
                1,
                scores,
                _length,
                keys,
                HeadDim,
                0,
                output,
                ValueDim
            );
        }
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        _keys.Dispose();
        _query.Dispose();
        _scores.Dispose();
        Output.Dispose();
    }

    private void Softmax(float* row, float scale)
    {
        var (max, sum) = (float.NegativeInfinity, 0f);
        SoftmaxRow.Update<Simd256, Vector256<float>>(
            row,
            _length,
            _length,
            scale,
            ref max,
            ref sum
        );
        SoftmaxRow.Scale<Simd256, Vector256<float>>(row, _length, 1 / sum);
    }
}
