// SPDX-License-Identifier: MIT
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
