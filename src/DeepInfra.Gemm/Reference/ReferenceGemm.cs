// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;

namespace DeepInfra.Gemm.Reference;

/// <summary>
/// Matrix multiplication in binary64, one element at a time: what every backend is compared with. It shares no
/// code with the kernels and is meant to be obviously right, not fast.
/// </summary>
internal static unsafe class ReferenceGemm
{
    /// <summary>The values of a quantised operand as [MN, K] (row-major): code times scale.</summary>
    /// <param name="tensor">Data and scales.</param>
    /// <param name="transposed">True if the shapes begin with K.</param>
    /// <param name="recipe">Elements per scale.</param>
    public static double[,] Values(ScaledTensor tensor, bool transposed, OperandRecipe recipe)
    {
        var codes = tensor.IsFp4
            ? Fp4Values(tensor.Data, transposed)
            : Values(tensor.Data, transposed);
        var scales = tensor.Scales;
        var (mnDimension, kDimension) = transposed ? (1, 0) : (0, 1);
        for (var row = 0; row < codes.GetLength(0); row++)
        for (var k = 0; k < codes.GetLength(1); k++)
            codes[row, k] *= Scale(
                scales,
                row / recipe.GranMn * scales.Strides[mnDimension],
                scales.Strides[kDimension],
                k / recipe.GranK
            );
        return codes;
    }

    /// <summary>The values of an unscaled operand as [MN, K] (row-major).</summary>
    public static double[,] Values(Tensor tensor, bool transposed)
    {
        var (mnDimension, kDimension) = transposed ? (1, 0) : (0, 1);
        var values = new double[tensor.Shape[mnDimension], tensor.Shape[kDimension]];
        for (var row = 0; row < values.GetLength(0); row++)
        for (var k = 0; k < values.GetLength(1); k++)
            values[row, k] = Element(
                tensor,
                row * tensor.Strides[mnDimension] + k * tensor.Strides[kDimension]
            );
        return values;
    }

    /// <summary>C + bias + A·Bᵀ for A [M,K] and B [N,K].</summary>
    /// <param name="a">A.</param>
    /// <param name="b">B.</param>
    /// <param name="accumulate">[M,N], or null.</param>
    /// <param name="bias">[N], or null.</param>
    public static double[,] Multiply(
        double[,] a,
        double[,] b,
        double[,]? accumulate = null,
        double[]? bias = null
    )
    {
        var result = new double[a.GetLength(0), b.GetLength(0)];
        for (var m = 0; m < result.GetLength(0); m++)
        for (var n = 0; n < result.GetLength(1); n++)
        {
            var x = Row(a, m);
            var y = Row(b, n);
            var sum = 0.0;
            for (var k = 0; k < x.Length; k++)
                sum += x[k] * y[k];
            result[m, n] = sum + (bias?[n] ?? 0) + (accumulate?[m, n] ?? 0);
        }
        return result;
    }

    /// <summary>The sum of |a|·|b| per element of the result: the yardstick of rounding errors.</summary>
    public static double[,] Magnitudes(double[,] a, double[,] b)
    {
        var result = new double[a.GetLength(0), b.GetLength(0)];
        for (var m = 0; m < result.GetLength(0); m++)
        for (var n = 0; n < result.GetLength(1); n++)
        {
            var x = Row(a, m);
            var y = Row(b, n);
            var sum = 0.0;
            for (var k = 0; k < x.Length; k++)
                sum += Math.Abs(x[k] * y[k]);
            result[m, n] = sum;
        }
        return result;
    }

    /// <summary>One element of a floating-point tensor.</summary>
    /// <param name="tensor">Float32, BFloat16, E4M3 or E5M2, on the CPU.</param>
    /// <param name="offset">Position in elements.</param>
    public static double Element(Tensor tensor, long offset) =>
        tensor.DType switch
        {
            DType.Float32 => ((float*)tensor.DataPointer)[offset],
            DType.BFloat16 => (float)((BFloat16*)tensor.DataPointer)[offset],
            DType.Float8E4M3 => E4M3(((byte*)tensor.DataPointer)[offset]),
            // E5M2 is the upper byte of binary16.
            DType.Float8E5M2 => (double)
                BitConverter.UInt16BitsToHalf((ushort)(((byte*)tensor.DataPointer)[offset] << 8)),
            _ => throw new NotSupportedException($"No reference values for {tensor.DType}."),
        };

    private static ReadOnlySpan<double> Row(double[,] matrix, int row) =>
        matrix.Length == 0
            ? []
            : MemoryMarshal.CreateReadOnlySpan(ref matrix[row, 0], matrix.GetLength(1));

    private static double[,] Fp4Values(Tensor tensor, bool transposed)
    {
        var (mnDimension, kDimension) = transposed ? (1, 0) : (0, 1);
        var packedDimension = tensor.Strides[1] == 1 ? 1 : 0;
        long rows = tensor.Shape[mnDimension] * (packedDimension == mnDimension ? 2 : 1);
        long depth = tensor.Shape[kDimension] * (packedDimension == kDimension ? 2 : 1);
        double[] magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
        var values = new double[rows, depth];
        for (long row = 0; row < rows; row++)
        for (long k = 0; k < depth; k++)
        {
            var (i, j, nibble) =
                packedDimension == kDimension ? (row, k / 2, k & 1) : (row / 2, k, row & 1);
            var offset = i * tensor.Strides[mnDimension] + j * tensor.Strides[kDimension];
            var code = ((byte*)tensor.DataPointer)[offset] >> (int)(4 * nibble);
            values[row, k] = (code & 8) != 0 ? -magnitudes[code & 7] : magnitudes[code & 7];
        }
        return values;
    }

    private static double Scale(Tensor scales, long row, long step, long block) =>
        scales.DType switch
        {
            DType.Float32 => ((float*)scales.DataPointer)[row + block * step],
            DType.Float8E8M0 => Exponent(((byte*)scales.DataPointer)[row + block * step]),
            _ => Exponent(
                ((uint*)scales.DataPointer)[row + block / 4 * step] >> (int)(8 * (block % 4))
            ),
        };

    private static double Exponent(uint word) =>
        (word & 0xFF) == 0xFF ? double.NaN : Math.ScaleB(1, (int)(word & 0xFF) - 127);

    private static double E4M3(byte code)
    {
        int exponent = (code >> 3) & 15,
            mantissa = code & 7;
        if ((code & 0x7F) == 0x7F)
            return double.NaN;
        var magnitude =
            exponent == 0 ? Math.ScaleB(mantissa, -9) : Math.ScaleB(8 + mantissa, exponent - 10);
        return code < 128 ? magnitude : -magnitude;
    }
}
