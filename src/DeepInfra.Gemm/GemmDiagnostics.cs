// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Gemm.Interop;

namespace DeepInfra.Gemm;

/// <summary>Which kernels run, and measures of how close a result is to a reference.</summary>
public static class GemmDiagnostics
{
    /// <summary>
    /// Which kernels multiply on the CPU, and why: the file of the native library, or what stands against it, in one or more lines.
    /// Looks for the library as the first multiplication would.
    /// </summary>
    /// <param name="options">The settings of a context; null takes the defaults.</param>
    /// <exception cref="DeepInfraException">An environment variable has a value that cannot be understood.</exception>
    public static string DescribeCpuKernels(GemmOptions? options = null) =>
        GemmCpuLibrary.Describe(options ?? new GemmOptions());

    /// <summary>
    /// 1 - 2·sum(x·y) / sum(x² + y²) in binary64: 0 for equal vectors, about half the squared relative error for close ones;
    /// 0 if both are all zero, NaN if a value is not finite. This is the measure that DeepGEMM's tests use.
    /// </summary>
    /// <param name="x">Values.</param>
    /// <param name="y">Values, as many.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double CalcDiff(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        if (x.Length != y.Length)
            throw new ArgumentException(
                $"y: expected {x.Length} values, got {y.Length}",
                nameof(y)
            );
        double product = 0,
            squares = 0;
        for (var i = 0; i < x.Length; i++)
        {
            product += x[i] * y[i];
            squares += x[i] * x[i] + y[i] * y[i];
        }
        return squares == 0 ? 0 : 1 - 2 * product / squares;
    }
}
