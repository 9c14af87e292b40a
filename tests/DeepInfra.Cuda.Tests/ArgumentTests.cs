// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Cuda.Tests;

/// <summary>What is refused before any device is touched.</summary>
public sealed class ArgumentTests
{
    [Fact]
    public void Operations_WithoutStream_NameIt()
    {
        using var x = Tensor<float>.Create([2, 128]);
        using var scales = Tensor<float>.Create([2, 1]);
        using var codes = Tensor<Float8E4M3>.Create([2, 128]);
        Action[] calls =
        [
            () => CudaTensor.Fill(x, 0, null!),
            () => CudaTensor.Copy(x, x, null!),
            () => CudaTensor.Cast(x, x, null!),
            () => CudaTensor.Compare(x, x, null!),
            () => Quantizer.QuantizePerToken(x, codes, scales, null!),
            () => Quantizer.QuantizePerBlock(x, codes, scales, null!),
            () => Quantizer.QuantizePerChannel(x, codes, scales, null!),
            () => Quantizer.QuantizePerTokenFp4(x, codes, scales, null!),
            () => Quantizer.DequantizePerToken(codes, scales, x, null!),
            () => Quantizer.DequantizePerChannel(codes, scales, x, null!),
            () => Quantizer.DequantizeFp4(codes, scales, x, null!),
            () => Quantizer.DequantizePerBlock(codes, scales, x, null!),
        ];

        foreach (var call in calls)
            call.Should().Throw<ArgumentNullException>().WithParameterName("stream");
    }
}
