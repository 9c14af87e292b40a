// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Gemm;

namespace DeepInfra.Benchmarks.Gemm;

/// <summary>Random operands; the time of a multiplication does not depend on the values.</summary>
internal static class GemmOperands
{
    /// <summary>E4M3 of any shape without NaN codes; scales of the shape given.</summary>
    public static ScaledTensor Fp8(Random random, Shape shape, Shape scaleShape)
    {
        var codes = Tensor<Float8E4M3>.Create(shape, zeroed: false);
        foreach (ref var code in codes.AsSpan())
            code = Float8E4M3.FromBits((byte)(random.Next(2) << 7 | random.Next(0x70)));
        var scales = Tensor<float>.Create(scaleShape, zeroed: false);
        foreach (ref var scale in scales.AsSpan())
            scale = 0.5f + random.NextSingle();
        return new ScaledTensor(codes, scales);
    }

    /// <summary>E2M1 codes of a matrix, two to a byte along K; one scale for 32 of them.</summary>
    public static ScaledTensor Fp4(Random random, long rows, long k)
    {
        var codes = Tensor<byte>.Create([rows, k / 2], zeroed: false);
        random.NextBytes(codes.AsSpan());
        var scales = Tensor<float>.Create([rows, k / 32], zeroed: false);
        foreach (ref var scale in scales.AsSpan())
            scale = 0.5f + random.NextSingle();
        return new ScaledTensor(codes, scales, IsFp4: true);
    }

    /// <summary>BFloat16 of any shape.</summary>
    public static Tensor<BFloat16> BFloat16s(Random random, Shape shape)
    {
        var values = Tensor<BFloat16>.Create(shape, zeroed: false);
        foreach (ref var value in values.AsSpan())
            value = (BFloat16)(random.NextSingle() - 0.5f);
        return values;
    }

    public static long Blocks(long elements) => (elements + 127) / 128;
}
