// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Gemm;
using DeepInfra.Gemm.Reference;
using DeepInfra.Testing;
using FluentAssertions;

namespace DeepInfra.Conformance.Gemm;

/// <summary>Compares results with the binary64 reference.</summary>
public static class GemmCheck
{
    /// <summary>Allowed error per element relative to the element: one rounding to BFloat16.</summary>
    private const double RoundingError = 1.0 / (1 << 8);

    /// <summary>The values of a matrix.</summary>
    public static double[,] Values(Tensor tensor) =>
        ReferenceGemm.Values(tensor, transposed: false);

    /// <summary>Checks a result against A·Bᵀ + bias + C.</summary>
    /// <param name="d">The result.</param>
    /// <param name="a">[M,K].</param>
    /// <param name="b">[N,K].</param>
    /// <param name="accumulate">C, or none.</param>
    /// <param name="bias">[N], or none.</param>
    /// <param name="because">What was multiplied.</param>
    /// <param name="elementwise">The factor of the sum of magnitudes; null is that of the CPU.</param>
    public static void ShouldBeProduct(
        Tensor d,
        double[,] a,
        double[,] b,
        double[,]? accumulate = null,
        double[]? bias = null,
        string because = "",
        double? elementwise = null
    )
    {
        var factor = elementwise ?? Tolerances.Gemm.ElementwiseCpu;
        var expected = ReferenceGemm.Multiply(a, b, accumulate, bias);
        var magnitudes = ReferenceGemm.Magnitudes(a, b);
        var actual = Values(d);
        var rounding = d.DType == DType.BFloat16 ? RoundingError : factor;
        for (var m = 0; m < expected.GetLength(0); m++)
        for (var n = 0; n < expected.GetLength(1); n++)
        {
            var error = Math.Abs(actual[m, n] - expected[m, n]);
            var extra = Math.Abs(accumulate?[m, n] ?? 0) + Math.Abs(bias?[n] ?? 0);
            var allowed = rounding * Math.Abs(expected[m, n]) + factor * (magnitudes[m, n] + extra);
            if (!(error <= allowed))
                throw new InvalidOperationException(
                    $"{because} [{m},{n}]: expected {expected[m, n]}, got {actual[m, n]}, allowed error {allowed}"
                );
        }
        if (expected.Length > 0)
            GemmDiagnostics
                .CalcDiff(Flatten(actual), Flatten(expected))
                .Should()
                .BeLessThan(Tolerances.Gemm.BFloat16.Difference, because);
    }

    /// <summary>The difference of a result from the product A·Bᵀ of the operands before they were quantised.</summary>
    /// <param name="d">The result.</param>
    /// <param name="a">[M,K].</param>
    /// <param name="b">[N,K].</param>
    public static double Difference(Tensor d, Tensor<float> a, Tensor<float> b)
    {
        var expected = ReferenceGemm.Multiply(Values(a), Values(b));
        return GemmDiagnostics.CalcDiff(Flatten(Values(d)), Flatten(expected));
    }

    /// <summary>The rows [start, start + count) of a matrix.</summary>
    public static double[,] Rows(double[,] matrix, int start, int count)
    {
        var rows = new double[count, matrix.GetLength(1)];
        for (var i = 0; i < count; i++)
        for (var j = 0; j < rows.GetLength(1); j++)
            rows[i, j] = matrix[start + i, j];
        return rows;
    }

    /// <summary>The columns [start, start + count) of a matrix.</summary>
    public static double[,] Columns(double[,] matrix, int start, int count)
    {
        var columns = new double[matrix.GetLength(0), count];
        for (var i = 0; i < columns.GetLength(0); i++)
        for (var j = 0; j < count; j++)
            columns[i, j] = matrix[i, start + j];
        return columns;
    }

    /// <summary>All bytes of a compact or row-padded matrix's rows.</summary>
    public static unsafe byte[] Bytes(Tensor tensor)
    {
        var size = DTypes.SizeInBytes(tensor.DType);
        var rowBytes = checked((int)(tensor.Shape[-1] * size));
        var rows = checked((int)(tensor.ElementCount / Math.Max(1, tensor.Shape[-1])));
        var stride = tensor.Rank == 1 ? 0 : tensor.Strides[-2] * size;
        var bytes = new byte[rows * rowBytes];
        for (var row = 0; row < rows; row++)
            new ReadOnlySpan<byte>((byte*)tensor.DataPointer + row * stride, rowBytes).CopyTo(
                bytes.AsSpan(row * rowBytes)
            );
        return bytes;
    }

    private static double[] Flatten(double[,] matrix) => [.. matrix.Cast<double>()];
}
