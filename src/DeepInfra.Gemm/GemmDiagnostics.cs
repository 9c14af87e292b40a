// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm;

/// <summary>Measures of how close a result is to a reference.</summary>
public static class GemmDiagnostics
{
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
