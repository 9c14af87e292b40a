// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Cuda.Tests;

/// <summary>What the device's quantisers refuse; what they compute is in <see cref="QuantizeDeviceTests"/>.</summary>
[Trait("Category", "Gpu")]
public sealed class QuantizerTests : DeviceTest
{
    [Fact]
    public void QuantizePerToken_HostTensor_IsRefused()
    {
        using var x = Values([1, 128], 1);

        var act = () =>
            Quantizer.QuantizePerToken(
                x,
                Empty(DType.Float8E4M3, [1, 128]),
                Empty(DType.Float32, [1, 1]),
                Stream
            );

        act.Should().Throw<ArgumentException>().WithMessage("x: expected a tensor on cuda:0*");
    }

    [Fact]
    public void Quantize_CodesOfAnotherFormat_AreRefused()
    {
        var x = Empty(DType.Float32, [128, 128]);
        var packed = Empty(DType.UInt8, [128, 64]);
        var codes = Empty(DType.Float8E4M3, [128, 128]);
        var scales = Empty(DType.Float32, [128, 1]);
        Action[] fp8 =
        [
            () => Quantizer.QuantizePerToken(x, packed, scales, Stream),
            () => Quantizer.QuantizePerChannel(x, packed, scales, Stream),
            () => Quantizer.DequantizePerToken(packed, scales, x, Stream),
        ];
        Action[] fp4 =
        [
            () => Quantizer.QuantizePerTokenFp4(x, codes, scales, Stream),
            () => Quantizer.DequantizeFp4(codes, scales, x, Stream),
        ];

        foreach (var call in fp8)
            call.Should().Throw<ArgumentException>().WithMessage("data: expected Float8E4M3 or*");
        foreach (var call in fp4)
            call.Should().Throw<ArgumentException>().WithMessage("data: expected UInt8 with two*");
    }

    [Fact]
    public void Quantize_ShapesThatDoNotFit_AreNamed()
    {
        var odd = () =>
            Quantizer.QuantizePerTokenFp4(
                Empty(DType.Float32, [2, 33]),
                Empty(DType.UInt8, [2, 16]),
                Empty(DType.Float32, [2, 1]),
                Stream
            );
        var ragged = () =>
            Quantizer.QuantizePerChannel(
                Empty(DType.Float32, [100, 32]),
                Empty(DType.Float8E4M3, [100, 32]),
                Empty(DType.Float32, [1, 32]),
                Stream
            );
        var half = () =>
            Quantizer.QuantizePerTokenFp4(
                Empty(DType.Float32, [2, 64]),
                Empty(DType.UInt8, [2, 64]),
                Empty(DType.Float32, [2, 1]),
                Stream
            );

        odd.Should().Throw<ArgumentException>().WithMessage("*even last extent*[2,33]*");
        ragged.Should().Throw<ArgumentException>().WithMessage("*multiple of 128*[100,32]*");
        half.Should()
            .Throw<ArgumentException>()
            .WithMessage("*data: expected shape [2,32], got [2,64]*");
    }

    [Fact]
    public void QuantizePerToken_WrongScaleShape_NamesBoth()
    {
        var act = () =>
            Quantizer.QuantizePerToken(
                Empty(DType.Float32, [2, 256]),
                Empty(DType.Float8E4M3, [2, 256]),
                Empty(DType.Float32, [2, 3]),
                Stream
            );

        act.Should()
            .Throw<ArgumentException>()
            .WithMessage("*scales: expected shape [2,2], got [2,3]*");
    }
}
