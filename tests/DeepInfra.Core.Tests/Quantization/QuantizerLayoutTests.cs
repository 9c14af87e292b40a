// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Quantization;
using DeepInfra.Testing;
using static DeepInfra.Core.Tests.Quantization.QuantizerInputs;

namespace DeepInfra.Core.Tests.Quantization;

public class QuantizerLayoutTests
{
    public static TheoryData<SimdTier, DType> Cases => TiersAndTypes;

    [Theory]
    [MemberData(nameof(Cases))]
    public void Quantize_ScaleForms_HoldTheSameExponents(SimdTier tier, DType dtype)
    {
        using var x = Input(dtype, [6, 650]);
        using var plain = Quantizer.QuantizePerToken(x, ue8m0: true, options: Options(tier));
        using var packed = Quantizer.QuantizePerToken(x, packedUe8m0: true, options: Options(tier));
        using var codes = Tensor<Float8E8M0>.Create([6, 6]);
        using var data = Tensor<Float8E4M3>.Create([6, 650]);
        Quantizer.QuantizePerToken(x, data, codes, options: Options(tier));

        TensorAssertions.ShouldBeBitEqual(data, plain.Data.As<Float8E4M3>());
        TensorAssertions.ShouldBeBitEqual(packed.Data.As<Float8E4M3>(), data);
        packed.Scales.Shape.Should().Equal(6, 2);
        for (var row = 0; row < 6; row++)
        for (var block = 0; block < 8; block++)
        {
            var packedCode = (byte)(packed.Scales.As<int>()[row, block / 4] >> 8 * (block % 4));
            packedCode.Should().Be(block < 6 ? codes[row, block].Bits : (byte)127);
            if (block < 6)
                ((float)codes[row, block]).Should().Be(plain.Scales.As<float>()[row, block]);
        }
    }

    [Fact]
    public void QuantizePerChannel_Packed_PadsTheLastWord()
    {
        using var x = Input(DType.Float32, [32 * 5, 70]);
        using var plain = Quantizer.QuantizePerChannel(x, 32, ue8m0: true);
        using var packed = Quantizer.QuantizePerChannel(x, 32, packedUe8m0: true);

        packed.Scales.Shape.Should().Equal(2, 70);
        for (var c = 0; c < 70; c++)
        for (var block = 0; block < 8; block++)
        {
            var code = Float8E8M0.FromBits(
                (byte)(packed.Scales.As<int>()[block / 4, c] >> 8 * (block % 4))
            );
            ((float)code).Should().Be(block < 5 ? plain.Scales.As<float>()[block, c] : 1);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Quantize_StridedTensors_EqualsContiguous(SimdTier tier, DType dtype)
    {
        using var x = Input(dtype, [150, 130]);
        using var transposed = Transposed(x);
        using var expected = Quantizer.QuantizePerToken(x, 32, options: Options(tier));
        using var expectedBlock = Quantizer.QuantizePerBlock(x, 64, options: Options(tier));
        using var expectedChannel = Quantizer.QuantizePerChannel(
            x.AsSlice(0, 0, 128),
            64,
            options: Options(tier)
        );
        using var wide = Tensor<Float8E4M3>.Create([150, 200]);
        using var scales = Tensor<float>.Create([5, 152]);
        var data = wide.AsSlice(1, 33, 130);
        var mnMajor = scales.AsSlice(1, 0, 150).AsTransposed();

        Quantizer.QuantizePerToken(
            transposed.AsTransposed(),
            data,
            mnMajor,
            32,
            options: Options(tier)
        );
        TensorAssertions.ShouldBeBitEqual(data, expected.Data.As<Float8E4M3>());
        TensorAssertions.ShouldBeBitEqual(mnMajor, expected.Scales.As<float>());
        wide.AsSlice(1, 0, 33).ToArray().Should().OnlyContain(c => c.Bits == 0);
        wide.AsSlice(1, 163, 37).ToArray().Should().OnlyContain(c => c.Bits == 0);
        scales.AsSlice(1, 150, 2).ToArray().Should().OnlyContain(s => s == 0);

        using var block = Quantizer.QuantizePerBlock(
            transposed.AsTransposed(),
            64,
            options: Options(tier)
        );
        TensorAssertions.ShouldBeBitEqual(
            block.Data.As<Float8E4M3>(),
            expectedBlock.Data.As<Float8E4M3>()
        );
        TensorAssertions.ShouldBeBitEqual(
            block.Scales.As<float>(),
            expectedBlock.Scales.As<float>()
        );

        using var channel = Quantizer.QuantizePerChannel(
            transposed.AsTransposed().AsSlice(0, 0, 128),
            64,
            options: Options(tier)
        );
        TensorAssertions.ShouldBeBitEqual(
            channel.Data.As<Float8E4M3>(),
            expectedChannel.Data.As<Float8E4M3>()
        );
        TensorAssertions.ShouldBeBitEqual(
            channel.Scales.As<float>(),
            expectedChannel.Scales.As<float>()
        );
    }

    [Fact]
    public void Quantize_BatchOfMatrices_EqualsEachMatrix()
    {
        using var x = Input(DType.Float32, [3, 2, 100, 140]);
        using var token = Quantizer.QuantizePerToken(x, 64);
        using var block = Quantizer.QuantizePerBlock(x, 64);
        for (var i = 0; i < 3; i++)
        for (var j = 0; j < 2; j++)
        {
            using var oneToken = Quantizer.QuantizePerToken(At(x, i, j), 64);
            using var oneBlock = Quantizer.QuantizePerBlock(At(x, i, j), 64);
            TensorAssertions.ShouldBeBitEqual(
                At(token.Data, i, j).As<Float8E4M3>(),
                oneToken.Data.As<Float8E4M3>()
            );
            TensorAssertions.ShouldBeBitEqual(
                At(token.Scales, i, j).As<float>(),
                oneToken.Scales.As<float>()
            );
            TensorAssertions.ShouldBeBitEqual(
                At(block.Data, i, j).As<Float8E4M3>(),
                oneBlock.Data.As<Float8E4M3>()
            );
            TensorAssertions.ShouldBeBitEqual(
                At(block.Scales, i, j).As<float>(),
                oneBlock.Scales.As<float>()
            );
        }

        static Tensor At(Tensor t, int i, int j) => t.AsSelected(0, i).AsSelected(0, j);
    }

    [Fact]
    public void Quantize_ThreadCounts_GiveTheSameBits()
    {
        using var x = Input(DType.Float32, [300, 512]);
        using var expected = Quantizer.QuantizePerToken(
            x,
            options: new CpuBackendOptions { MaxDegreeOfParallelism = 1 }
        );
        foreach (var threads in new[] { 2, 4, 8 })
        {
            var options = new CpuBackendOptions { MaxDegreeOfParallelism = threads };
            using var q = Quantizer.QuantizePerToken(x, options: options);
            TensorAssertions.ShouldBeBitEqual(
                q.Data.As<Float8E4M3>(),
                expected.Data.As<Float8E4M3>()
            );
            TensorAssertions.ShouldBeBitEqual(q.Scales.As<float>(), expected.Scales.As<float>());
        }
    }

    [Theory]
    [InlineData(0, 128)]
    [InlineData(4, 0)]
    public void Quantize_Empty_GivesEmpty(long m, long k)
    {
        using var x = Tensor<float>.Create([m, k]);
        using var token = Quantizer.QuantizePerToken(x);
        using var block = Quantizer.QuantizePerBlock(x);
        using var fp4 = Quantizer.QuantizePerTokenFp4(x, packedUe8m0: true);
        using var back = Quantizer.DequantizePerToken(token.Data, token.Scales);

        token.Data.ElementCount.Should().Be(0);
        token.Scales.Shape.Should().Equal(m, k / 128);
        block.Data.ElementCount.Should().Be(0);
        fp4.Data.ElementCount.Should().Be(0);
        back.Shape.Should().Equal(x.Shape);
    }

    [Fact]
    public void Quantize_WarmDestinationCalls_AllocateNothing()
    {
        using var x = Input(DType.Float32, [256, 512]);
        using var data = Tensor<Float8E4M3>.Create([256, 512]);
        using var token = Tensor<float>.Create([256, 4]);
        using var block = Tensor<float>.Create([2, 4]);
        using var channel = Tensor<int>.Create([1, 512]);
        using var dims = Tensor<float>.Create([256]);
        void Work()
        {
            Quantizer.QuantizePerToken(x, data, token);
            Quantizer.DequantizePerToken(data, token, x);
            Quantizer.QuantizePerBlock(x, data, block);
            Quantizer.QuantizePerChannel(x, data, channel);
            Quantizer.QuantizePerDims(x, [0], data, dims);
        }

        AllocationMeasure.OfWarm(Work, calls: 10).Should().Be(0);
    }
}
