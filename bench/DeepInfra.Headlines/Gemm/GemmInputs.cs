// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Gemm;

namespace DeepInfra.Headlines.Gemm;

/// <summary>Random operands of the matrix headlines.</summary>
internal static class GemmInputs
{
    /// <summary>E4M3 codes of normal numbers with scales per 1x128 (rows) or 128x128 (blocks).</summary>
    public static ScaledTensor Fp8(Random random, long rows, long k, int rowsPerScale)
    {
        var codes = Tensor<Float8E4M3>.Create([rows, k], zeroed: false);
        foreach (ref var code in codes.AsSpan())
            code = (Float8E4M3)(float)(Normal(random) * 100);
        var scales = Tensor<float>.Create(
            [(rows + rowsPerScale - 1) / rowsPerScale, (k + 127) / 128],
            zeroed: false
        );
        foreach (ref var scale in scales.AsSpan())
            scale = (float)(random.NextDouble() + 0.5) / 100;
        return new ScaledTensor(codes, scales);
    }

    /// <summary>The values of quantised weights [rows, K] as BFloat16, with scales per 128x128.</summary>
    public static Tensor<BFloat16> Dequantize(ScaledTensor weights)
    {
        var values = Tensor<BFloat16>.Create(weights.Data.Shape, zeroed: false);
        var codes = weights.Data.As<Float8E4M3>().AsReadOnlyView();
        var scales = weights.Scales.As<float>().AsReadOnlyView();
        for (long row = 0; row < values.Shape[0]; row++)
        {
            var source = codes.Row(row);
            var factors = scales.Row(row / 128);
            var target = values.AsView().Row(row);
            for (var k = 0; k < target.Length; k++)
                target[k] = (BFloat16)((float)source[k] * factors[k / 128]);
        }
        return values;
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()))
        * Math.Cos(2 * Math.PI * random.NextDouble());
}
