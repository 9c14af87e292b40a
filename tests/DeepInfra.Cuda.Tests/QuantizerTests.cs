// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Cuda.Tests;

/// <summary>The device's quantisers against the managed ones, bit by bit.</summary>
[Trait("Category", "Gpu")]
public sealed class QuantizerTests : DeviceTest
{
    public static TheoryData<int, int, int, bool, ScaleRule> Cases =>
        new()
        {
            { 3, 256, 128, false, ScaleRule.Divide },
            { 5, 200, 128, true, ScaleRule.Divide },
            { 1, 1, 16, false, ScaleRule.MultiplyReciprocal },
            { 17, 130, 32, true, ScaleRule.MultiplyReciprocal },
            { 130, 258, 128, false, ScaleRule.Divide },
            { 2, 513, 256, false, ScaleRule.MultiplyReciprocal },
        };

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerToken_Values_AreBitEqualToTheManagedOnes(
        int rows,
        int columns,
        int gran,
        bool ue8m0,
        ScaleRule rule
    )
    {
        foreach (var format in new[] { DType.Float8E4M3, DType.Float8E5M2 })
        {
            using var x = Values([rows, columns], rows + columns, special: true);
            var scaleShape = new Shape([rows, (columns + gran - 1) / gran]);
            using var data = Tensor.Create(format, x.Shape);
            using var scales = Tensor<float>.Create(scaleShape);
            Quantizer.QuantizePerToken(x, data, scales, gran, ue8m0, rule);

            var deviceData = Empty(format, x.Shape);
            var deviceScales = Empty(DType.Float32, scaleShape);
            Quantizer.QuantizePerToken(
                ToDevice(x),
                deviceData,
                deviceScales,
                Stream,
                gran,
                ue8m0,
                rule
            );

            Bytes(deviceData).Should().Equal(Bytes(data));
            Bytes(deviceScales).Should().Equal(Bytes(scales));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerBlock_Values_AreBitEqualToTheManagedOnes(
        int rows,
        int columns,
        int gran,
        bool ue8m0,
        ScaleRule rule
    )
    {
        using var x = Values([2, rows, columns], rows * columns, special: true);
        var scaleShape = new Shape([2, (rows + gran - 1) / gran, (columns + gran - 1) / gran]);
        using var data = Tensor.Create(DType.Float8E4M3, x.Shape);
        using var scales = Tensor<float>.Create(scaleShape);
        Quantizer.QuantizePerBlock(x, data, scales, gran, ue8m0, rule);

        var deviceData = Empty(DType.Float8E4M3, x.Shape);
        var deviceScales = Empty(DType.Float32, scaleShape);
        Quantizer.QuantizePerBlock(
            ToDevice(x),
            deviceData,
            deviceScales,
            Stream,
            gran,
            ue8m0,
            rule
        );

        Bytes(deviceData).Should().Equal(Bytes(data));
        Bytes(deviceScales).Should().Equal(Bytes(scales));
    }

    [Theory]
    [InlineData(128, 40, 128, DType.Float32, false)]
    [InlineData(96, 33, 32, DType.Float32, true)]
    [InlineData(160, 1, 16, DType.Int32, true)]
    [InlineData(64, 100, 64, DType.Float8E8M0, true)]
    [InlineData(512, 70, 256, DType.Float32, false)]
    public void QuantizePerChannel_Values_AreBitEqualToTheManagedOnes(
        int rows,
        int columns,
        int gran,
        DType form,
        bool ue8m0
    )
    {
        foreach (var rule in Enum.GetValues<ScaleRule>())
        {
            using var x = Values([rows, columns], rows * columns, special: true);
            long tiles = rows / gran;
            Shape scaleShape = [form == DType.Int32 ? (tiles + 3) / 4 : tiles, columns];
            using var data = Tensor.Create(DType.Float8E4M3, x.Shape);
            using var scales = Tensor.Create(form, scaleShape);
            Quantizer.QuantizePerChannel(x, data, scales, gran, ue8m0, rule);
            using var back = Tensor<float>.Create(x.Shape);
            Quantizer.DequantizePerChannel(data, scales, back, gran);

            var deviceData = Empty(DType.Float8E4M3, x.Shape);
            var deviceScales = Empty(form, scaleShape);
            var deviceBack = Empty(DType.Float32, x.Shape);
            Quantizer.QuantizePerChannel(
                ToDevice(x),
                deviceData,
                deviceScales,
                Stream,
                gran,
                ue8m0,
                rule
            );
            Quantizer.DequantizePerChannel(deviceData, deviceScales, deviceBack, Stream, gran);

            Bytes(deviceData).Should().Equal(Bytes(data));
            Bytes(deviceScales).Should().Equal(Bytes(scales));
            // Which of two NaN a product takes its bits from is the processor's choice.
            var (actual, expected) = (Bytes(deviceBack), Bytes(back));
            MemoryMarshal
                .Cast<byte, float>(actual)
                .ToArray()
                .Should()
                .Equal(MemoryMarshal.Cast<byte, float>(expected).ToArray());
        }
    }

    [Theory]
    [InlineData(5, 256, 128, DType.Float32, false)]
    [InlineData(3, 70, 32, DType.Float32, true)]
    [InlineData(4, 2, 16, DType.Float8E8M0, true)]
    [InlineData(9, 330, 64, DType.Int32, true)]
    public void QuantizePerTokenFp4_Values_AreBitEqualToTheManagedOnes(
        int rows,
        int columns,
        int gran,
        DType form,
        bool ue8m0
    )
    {
        foreach (var rounding in Enum.GetValues<Fp4Rounding>())
        {
            using var x = Values([rows, columns], rows + columns, special: true);
            // Ties of every kind: all middles between values, and the values themselves.
            for (var i = 0; i < Math.Min(columns, 32); i++)
                Elements(x)[i] = (i % 2 == 0 ? 1 : -1) * i / 4f * 1.5f;
            long tiles = (columns + gran - 1) / gran;
            Shape scaleShape = [rows, form == DType.Int32 ? (tiles + 3) / 4 : tiles];
            Shape dataShape = [rows, columns / 2];
            using var data = Tensor<byte>.Create(dataShape);
            using var scales = Tensor.Create(form, scaleShape);
            Quantizer.QuantizePerTokenFp4(x, data, scales, gran, ue8m0, rounding);
            using var back = Tensor<BFloat16>.Create(x.Shape);
            Quantizer.DequantizeFp4(data, scales, back, gran);

            var deviceData = Empty(DType.UInt8, dataShape);
            var deviceScales = Empty(form, scaleShape);
            var deviceBack = Empty(DType.BFloat16, x.Shape);
            Quantizer.QuantizePerTokenFp4(
                ToDevice(x),
                deviceData,
                deviceScales,
                Stream,
                gran,
                ue8m0,
                rounding
            );
            Quantizer.DequantizeFp4(deviceData, deviceScales, deviceBack, Stream, gran);

            Bytes(deviceData).Should().Equal(Bytes(data));
            Bytes(deviceScales).Should().Equal(Bytes(scales));
            Bytes(deviceBack).Should().Equal(Bytes(back));
        }
    }

    [Theory]
    [InlineData(DType.Float8E8M0)]
    [InlineData(DType.Int32)]
    public void QuantizePerToken_ExponentScales_AreBitEqualAndPadded(DType form)
    {
        using var x = Values([4, 700], 7);
        long tiles = 6;
        Shape scaleShape = [4, form == DType.Int32 ? (tiles + 3) / 4 : tiles];
        using var data = Tensor.Create(DType.Float8E4M3, x.Shape);
        using var scales = Tensor.Create(form, scaleShape);
        Quantizer.QuantizePerToken(x, data, scales);

        var deviceData = Empty(DType.Float8E4M3, x.Shape);
        var deviceScales = Empty(form, scaleShape);
        Quantizer.QuantizePerToken(ToDevice(x), deviceData, deviceScales, Stream);

        Bytes(deviceData).Should().Equal(Bytes(data));
        Bytes(deviceScales).Should().Equal(Bytes(scales));
    }

    [Fact]
    public void QuantizePerToken_TransposedBFloat16_IsBitEqual()
    {
        using var values = Values([144, 33], 3);
        using var narrow = Tensor<BFloat16>.Create(values.Shape);
        for (var i = 0; i < values.ElementCount; i++)
            Elements(narrow)[i] = (BFloat16)Elements(values)[i];
        var view = narrow.AsTransposed();
        using var data = Tensor.Create(DType.Float8E4M3, view.Shape);
        using var scales = Tensor<float>.Create([33, 2]);
        Quantizer.QuantizePerToken(view, data, scales);

        var deviceData = Empty(DType.Float8E4M3, view.Shape);
        var deviceScales = Empty(DType.Float32, [33, 2]);
        Quantizer.QuantizePerToken(
            ToDevice(narrow).AsTransposed(),
            deviceData,
            deviceScales,
            Stream
        );

        Bytes(deviceData).Should().Equal(Bytes(data));
        Bytes(deviceScales).Should().Equal(Bytes(scales));
    }

    [Theory]
    [InlineData(DType.Float32, DType.Float32)]
    [InlineData(DType.BFloat16, DType.Float32)]
    [InlineData(DType.Float32, DType.Int32)]
    public void Dequantize_Codes_AreBitEqualToTheManagedOnes(DType destination, DType form)
    {
        using var x = Values([5, 300], 11, special: true);
        Shape scaleShape = [5, form == DType.Int32 ? 1 : 3];
        using var data = Tensor.Create(DType.Float8E5M2, x.Shape);
        using var scales = Tensor.Create(form, scaleShape);
        Quantizer.QuantizePerToken(x, data, scales);
        using var back = Tensor.Create(destination, x.Shape);
        Quantizer.DequantizePerToken(data, scales, back);

        var deviceBack = Empty(destination, x.Shape);
        Quantizer.DequantizePerToken(ToDevice(data), ToDevice(scales), deviceBack, Stream);

        Bytes(deviceBack).Should().Equal(Bytes(back));
    }

    [Fact]
    public void DequantizePerBlock_Codes_AreBitEqualToTheManagedOnes()
    {
        using var x = Values([150, 200], 12);
        using var q = Quantizer.QuantizePerBlock(x);
        using var back = Quantizer.DequantizePerBlock(q.Data, q.Scales);

        var deviceBack = Empty(DType.Float32, x.Shape);
        Quantizer.DequantizePerBlock(ToDevice(q.Data), ToDevice(q.Scales), deviceBack, Stream);

        Bytes(deviceBack).Should().Equal(Bytes(back));
    }

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
