// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Testing;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Compares results of any element type with a float64 reference.</summary>
internal static class MlaCompare
{
    public static void Check(
        Tensor actual,
        Tensor<double> expected,
        Tolerance tolerance,
        string what
    )
    {
        if (actual.Shape != expected.Shape)
            TensorAssertions.ShouldBeClose(
                Tensor<double>.Create(actual.Shape),
                expected,
                tolerance,
                what
            );
        var values = ToDoubles(actual);
        ReadOnlySpan<double> reference = expected.AsSpan();
        // The thorough comparison is slow and says where: only failures need it.
        if (!IsClose(values, reference, tolerance))
            TensorAssertions.ShouldBeClose<double, double>(values, reference, tolerance, what);
    }

    private static bool IsClose(
        ReadOnlySpan<double> actual,
        ReadOnlySpan<double> expected,
        Tolerance tolerance
    )
    {
        double product = 0;
        double squares = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var (a, e) = (actual[i], expected[i]);
            if (!double.IsFinite(e))
                return false;
            var error = Math.Abs(a - e);
            if (!(error < tolerance.Absolute || error < tolerance.Relative * (Math.Abs(e) + 1e-6)))
                return false;
            product += a * e;
            squares += a * a + e * e;
        }
        return squares < 1e-12 || 1 - 2 * product / squares < tolerance.Difference;
    }

    private static double[] ToDoubles(Tensor tensor) =>
        tensor switch
        {
            Tensor<float> t => Array.ConvertAll(t.ToArray(), x => (double)x),
            Tensor<BFloat16> t => Array.ConvertAll(t.ToArray(), x => (double)(float)x),
            Tensor<Half> t => Array.ConvertAll(t.ToArray(), x => (double)x),
            _ => throw new NotSupportedException($"{tensor.DType}"),
        };
}
