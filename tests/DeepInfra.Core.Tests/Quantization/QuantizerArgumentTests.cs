// SPDX-License-Identifier: MIT
using DeepInfra.Core.Quantization;

namespace DeepInfra.Core.Tests.Quantization;

public class QuantizerArgumentTests
{
    private readonly Tensor<float> _x = Tensor<float>.Create([4, 256]);
    private readonly Tensor<Float8E4M3> _data = Tensor<Float8E4M3>.Create([4, 256]);
    private readonly Tensor<float> _scales = Tensor<float>.Create([4, 2]);

    [Fact]
    public void Quantize_BadInput_NamesIt()
    {
        Throws(
            "x",
            "x: expected Float32 or BFloat16, got Int32*",
            () => Quantizer.QuantizePerToken(Tensor<int>.Create([4, 256]))
        );
        Throws(
            "x",
            "x: expected at least 2 dimensions, got [4]*",
            () => Quantizer.QuantizePerToken(Tensor<float>.Create([4]))
        );
        Throws("x", "*K a multiple of 128, got [4,256]*", () => Quantizer.QuantizePerChannel(_x));
        Throws(
            "x",
            "*K a multiple of 32*",
            () => Quantizer.QuantizePerChannel(Tensor<float>.Create([2, 32, 4]), 32)
        );
        Throws("x", "*even K*", () => Quantizer.QuantizePerTokenFp4(Tensor<float>.Create([4, 3])));
        Throws("granK", "*power of two*got 96*", () => Quantizer.QuantizePerToken(_x, 96));
        Throws("gran", "*power of two*got 8*", () => Quantizer.QuantizePerBlock(_x, 8));
        Throws(
            "format",
            "*got Float8E8M0*",
            () => Quantizer.QuantizePerToken(_x, format: DType.Float8E8M0)
        );
        Throws("keepDims", "*rank 2, got 1,0*", () => Quantizer.QuantizePerDims(_x, [1, 0]));
        Throws("keepDims", "*got 2*", () => Quantizer.QuantizePerDims(_x, [2]));
        Throws(
            "rule",
            "*",
            () => Quantizer.QuantizePerToken(_x, _data, _scales, rule: (ScaleRule)9)
        );
        FluentActions
            .Invoking(() => Quantizer.QuantizePerToken(null!))
            .Should()
            .Throw<ArgumentNullException>()
            .WithParameterName("x");
    }

    [Fact]
    public void Quantize_BadDestination_NamesIt()
    {
        Throws(
            "data",
            "data: expected Float8E4M3 or Float8E5M2, got Float32*",
            () => Quantizer.QuantizePerToken(_x, _x, _scales)
        );
        Throws(
            "data",
            "data: expected shape [4,256], got [256,4]*",
            () => Quantizer.QuantizePerToken(_x, Tensor<Float8E4M3>.Create([256, 4]), _scales)
        );
        Throws(
            "data",
            "*innermost stride 1, got 4*",
            () =>
                Quantizer.QuantizePerToken(
                    _x,
                    Tensor<Float8E4M3>.Create([256, 4]).AsTransposed(),
                    _scales
                )
        );
        Throws(
            "scales",
            "scales: expected shape [4,2], got [2,4]*",
            () => Quantizer.QuantizePerToken(_x, _data, Tensor<float>.Create([2, 4]))
        );
        Throws(
            "scales",
            "*shape [4,1], got [4,2]*",
            () => Quantizer.QuantizePerToken(_x, _data, Tensor<int>.Create([4, 2]))
        );
        Throws(
            "scales",
            "*expected Float32, Float8E8M0 or Int32 (packed), got Float64*",
            () => Quantizer.QuantizePerToken(_x, _data, Tensor<double>.Create([4, 2]))
        );
        Throws(
            "scales",
            "*expected Float32 or Float8E8M0, got Int32*",
            () => Quantizer.QuantizePerDims(_x, [0], _data, Tensor<int>.Create([4]))
        );
        Throws("data", "*expected UInt8*", () => Quantizer.QuantizePerTokenFp4(_x, _data, _scales));
        Throws(
            "destination",
            "*expected Float32 or BFloat16*",
            () => Quantizer.DequantizePerToken(_data, _scales, Tensor<Half>.Create([4, 256]))
        );
    }

    [Fact]
    public unsafe void Quantize_SharedMemory_Throws()
    {
        using var x = Tensor<float>.Create([4, 128]);
        using var data = Tensor<Float8E4M3>.Create([4, 128]);
        using var scales = Tensor<float>.Create([4, 1]);
        using var dataInX = Tensor<Float8E4M3>.Wrap((Float8E4M3*)x.DataPointer, [4, 128]);
        using var repeated = Tensor<float>.Wrap(scales.DataPointer, [4, 1], new Strides(0, 1));

        FluentActions
            .Invoking(() => Quantizer.QuantizePerToken(x, dataInX, scales))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("data: expected memory of its own, got memory shared with x*");
        FluentActions
            .Invoking(() => Quantizer.QuantizePerToken(x, data, x.AsSlice(1, 3, 1)))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("scales: expected memory of its own, got memory shared with x*");
        FluentActions
            .Invoking(() => Quantizer.QuantizePerToken(x, data, repeated))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("scales: expected strides that give every element its own address*");
        FluentActions
            .Invoking(() => Quantizer.DequantizePerToken(dataInX, scales, x))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("data: expected memory of its own, got memory shared with destination*");
        Quantizer.DequantizePerToken(data, repeated, x);
    }

    [Fact]
    public void Quantize_Disposed_Throws()
    {
        _x.Dispose();

        FluentActions
            .Invoking(() => Quantizer.QuantizePerToken(_x))
            .Should()
            .Throw<ObjectDisposedException>();
    }

    [Fact]
    public unsafe void Quantize_DeviceTensor_IsNotSupported()
    {
        using var cuda = Tensor<float>.Wrap((float*)0x1000, [4, 256], device: Device.Cuda(0));

        FluentActions
            .Invoking(() => Quantizer.QuantizePerToken(cuda))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("*cuda:0*");
    }

    private static void Throws(string parameter, string message, Func<object> call) =>
        Throws(
            parameter,
            message,
            () =>
            {
                _ = call();
            }
        );

    private static void Throws(string parameter, string message, Action call) =>
        call.Should().Throw<ArgumentException>().WithMessage(message).WithParameterName(parameter);
}
