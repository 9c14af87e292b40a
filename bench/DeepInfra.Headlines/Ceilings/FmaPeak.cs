// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Headlines.Ceilings;

/// <summary>
/// The FP32 multiply-add rate of this machine: a loop of independent fused multiply-adds that touches no
/// memory. The ceiling of every compute-bound CPU kernel.
/// </summary>
internal static class FmaPeak
{
    private const int Chains = 12;
    private const int UnrolledSteps = 4;

    private static float s_sink;

    /// <summary>GFLOP/s of all threads together: the best of several short runs, over the vector widths available.</summary>
    /// <param name="threads">Threads that run at once; 0 means every core.</param>
    /// <param name="repetitions">Runs per vector width.</param>
    /// <param name="iterations">Loop turns per run; the default takes about 20 ms.</param>
    public static double MeasureGflops(
        int threads = 0,
        int repetitions = 7,
        int iterations = 1_500_000
    )
    {
        if (threads == 0)
            threads = Environment.ProcessorCount;
        var best = 0.0;
        for (var i = 0; i < repetitions; i++)
        {
            if (Vector512.IsHardwareAccelerated)
                best = Math.Max(best, Rate(16, threads, iterations, Run512));
            if (Vector256.IsHardwareAccelerated)
                best = Math.Max(best, Rate(8, threads, iterations, Run256));
            else if (Vector128.IsHardwareAccelerated)
                best = Math.Max(best, Rate(4, threads, iterations, Run128));
        }
        return best;
    }

    private static double Rate(int lanes, int threads, int iterations, Func<int, float> run)
    {
        var seconds = ThreadGang.Time(threads, _ => s_sink = run(iterations));
        return 2.0 * lanes * Chains * UnrolledSteps * iterations * threads / seconds / 1e9;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Run512(int iterations)
    {
        Vector512<float> a = Vector512.Create(0.999f),
            b = Vector512.Create(0.001f);
        Vector512<float> c0 = b,
            c1 = b,
            c2 = b,
            c3 = b,
            c4 = b,
            c5 = b,
            c6 = b,
            c7 = b,
            c8 = b,
            c9 = b,
            c10 = b,
            c11 = b;
        for (var i = 0; i < iterations; i++)
        {
            for (var step = 0; step < UnrolledSteps; step++)
            {
                c0 = Vector512.FusedMultiplyAdd(c0, a, b);
                c1 = Vector512.FusedMultiplyAdd(c1, a, b);
                c2 = Vector512.FusedMultiplyAdd(c2, a, b);
                c3 = Vector512.FusedMultiplyAdd(c3, a, b);
                c4 = Vector512.FusedMultiplyAdd(c4, a, b);
                c5 = Vector512.FusedMultiplyAdd(c5, a, b);
                c6 = Vector512.FusedMultiplyAdd(c6, a, b);
                c7 = Vector512.FusedMultiplyAdd(c7, a, b);
                c8 = Vector512.FusedMultiplyAdd(c8, a, b);
                c9 = Vector512.FusedMultiplyAdd(c9, a, b);
                c10 = Vector512.FusedMultiplyAdd(c10, a, b);
                c11 = Vector512.FusedMultiplyAdd(c11, a, b);
            }
        }
        return Vector512.Sum(c0 + c1 + c2 + c3 + (c4 + c5 + c6 + c7) + (c8 + c9 + c10 + c11));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Run256(int iterations)
    {
        Vector256<float> a = Vector256.Create(0.999f),
            b = Vector256.Create(0.001f);
        Vector256<float> c0 = b,
            c1 = b,
            c2 = b,
            c3 = b,
            c4 = b,
            c5 = b,
            c6 = b,
            c7 = b,
            c8 = b,
            c9 = b,
            c10 = b,
            c11 = b;
        for (var i = 0; i < iterations; i++)
        {
            for (var step = 0; step < UnrolledSteps; step++)
            {
                c0 = Vector256.MultiplyAddEstimate(c0, a, b);
                c1 = Vector256.MultiplyAddEstimate(c1, a, b);
                c2 = Vector256.MultiplyAddEstimate(c2, a, b);
                c3 = Vector256.MultiplyAddEstimate(c3, a, b);
                c4 = Vector256.MultiplyAddEstimate(c4, a, b);
                c5 = Vector256.MultiplyAddEstimate(c5, a, b);
                c6 = Vector256.MultiplyAddEstimate(c6, a, b);
                c7 = Vector256.MultiplyAddEstimate(c7, a, b);
                c8 = Vector256.MultiplyAddEstimate(c8, a, b);
                c9 = Vector256.MultiplyAddEstimate(c9, a, b);
                c10 = Vector256.MultiplyAddEstimate(c10, a, b);
                c11 = Vector256.MultiplyAddEstimate(c11, a, b);
            }
        }
        return Vector256.Sum(c0 + c1 + c2 + c3 + (c4 + c5 + c6 + c7) + (c8 + c9 + c10 + c11));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Run128(int iterations)
    {
        Vector128<float> a = Vector128.Create(0.999f),
            b = Vector128.Create(0.001f);
        Vector128<float> c0 = b,
            c1 = b,
            c2 = b,
            c3 = b,
            c4 = b,
            c5 = b,
            c6 = b,
            c7 = b,
            c8 = b,
            c9 = b,
            c10 = b,
            c11 = b;
        for (var i = 0; i < iterations; i++)
        {
            for (var step = 0; step < UnrolledSteps; step++)
            {
                c0 = Vector128.MultiplyAddEstimate(c0, a, b);
                c1 = Vector128.MultiplyAddEstimate(c1, a, b);
                c2 = Vector128.MultiplyAddEstimate(c2, a, b);
                c3 = Vector128.MultiplyAddEstimate(c3, a, b);
                c4 = Vector128.MultiplyAddEstimate(c4, a, b);
                c5 = Vector128.MultiplyAddEstimate(c5, a, b);
                c6 = Vector128.MultiplyAddEstimate(c6, a, b);
                c7 = Vector128.MultiplyAddEstimate(c7, a, b);
                c8 = Vector128.MultiplyAddEstimate(c8, a, b);
                c9 = Vector128.MultiplyAddEstimate(c9, a, b);
                c10 = Vector128.MultiplyAddEstimate(c10, a, b);
                c11 = Vector128.MultiplyAddEstimate(c11, a, b);
            }
        }
        return Vector128.Sum(c0 + c1 + c2 + c3 + (c4 + c5 + c6 + c7) + (c8 + c9 + c10 + c11));
    }
}
