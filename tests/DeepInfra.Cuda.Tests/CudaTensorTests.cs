// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Cuda.Tests;

[Trait("Category", "Gpu")]
public sealed class CudaTensorTests : DeviceTest
{
    [Theory]
    [InlineData(DType.UInt8, 0xA5ul, 1000)]
    [InlineData(DType.Int16, 0x1234ul, 4099)]
    [InlineData(DType.Float32, 0x3F800000ul, 2048)]
    [InlineData(DType.Int64, 0x0123456789ABCDEFul, 7)]
    public void Fill_Compact_SetsEveryElement(DType dtype, ulong bits, int count)
    {
        var tensor = Empty(dtype, [count]);

        CudaTensor.Fill(tensor, bits, Stream);

        var size = DTypes.SizeInBytes(dtype);
        var expected = BitConverter.GetBytes(bits)[..size];
        Bytes(tensor).Chunk(size).Should().OnlyContain(c => c.SequenceEqual(expected));
    }

    [Fact]
    public void Fill_Slice_LeavesTheRest()
    {
        var tensor = Empty(DType.Int32, [4, 6]);

        CudaTensor.Fill(tensor.AsSlice(1, 1, 3), 7, Stream);

        var values = Bytes(tensor).Chunk(4).Select(c => BitConverter.ToInt32(c)).ToArray();
        values.Should().Equal(Enumerable.Range(0, 24).Select(i => i % 6 is >= 1 and < 4 ? 7 : 0));
    }

    [Theory]
    [InlineData(DType.UInt8, 70, 45)]
    [InlineData(DType.BFloat16, 33, 64)]
    [InlineData(DType.Float32, 40, 100)]
    [InlineData(DType.Int64, 9, 31)]
    [InlineData(DType.Float32, 3, 5)]
    public void Copy_Transposed_ExchangesRowsAndColumns(DType dtype, int rows, int columns)
    {
        var size = DTypes.SizeInBytes(dtype);
        using var host = Tensor.Create(dtype, [2, rows, columns]);
        new Random(5).NextBytes(Raw(host));
        var compact = Empty(dtype, [2, columns, rows]);

        CudaTensor.Copy(ToDevice(host).AsTransposed(), compact, Stream);

        var from = Bytes(host).Chunk(size).ToArray();
        var to = Bytes(compact).Chunk(size).ToArray();
        for (var b = 0; b < 2; b++)
        for (var r = 0; r < rows; r++)
        for (var c = 0; c < columns; c++)
            to[(b * columns + c) * rows + r].Should().Equal(from[(b * rows + r) * columns + c]);
    }

    /// <summary>Elements of every width that cannot be copied 16 bytes at a time.</summary>
    [Theory]
    [InlineData(DType.Float8E4M3)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Int64)]
    public void Copy_SliceOfColumns_TakesThem(DType dtype)
    {
        var size = DTypes.SizeInBytes(dtype);
        using var host = Tensor.Create(dtype, [5, 37]);
        new Random(6).NextBytes(Raw(host));
        var compact = Empty(dtype, [5, 30]);

        CudaTensor.Copy(ToDevice(host).AsSlice(1, 3, 30), compact, Stream);

        var rows = Bytes(host).Chunk(37 * size);
        Bytes(compact).Should().Equal(rows.SelectMany(r => r[(3 * size)..(33 * size)]));
    }

    [Fact]
    public void Copy_Compact_IsEqual()
    {
        using var host = Values([3, 1024], 2);
        var copy = Empty(DType.Float32, host.Shape);

        CudaTensor.Copy(ToDevice(host), copy, Stream);

        Bytes(copy).Should().Equal(Bytes(host));
    }

    [Theory]
    [InlineData(OverflowMode.SaturateFinite)]
    [InlineData(OverflowMode.NoSaturate)]
    public void Cast_Narrowing_IsBitEqualToTheManagedConversions(OverflowMode overflow)
    {
        using var host = Values([64, 65], 9, special: true);
        var x = ToDevice(host);
        var source = Elements(host).ToArray();

        Narrow(x, DType.Float8E4M3, overflow)
            .Should()
            .Equal(source.Select(v => Float8E4M3.FromSingle(v, overflow).Bits));
        Narrow(x, DType.Float8E5M2, overflow)
            .Should()
            .Equal(source.Select(v => Float8E5M2.FromSingle(v, overflow).Bits));
        Narrow(x, DType.BFloat16, overflow)
            .Should()
            .Equal(source.SelectMany(v => BitConverter.GetBytes(((BFloat16)v).Bits)));
    }

    [Fact]
    public void Cast_AllCodes_WidenToTheManagedValues()
    {
        using var codes = Tensor<Float8E4M3>.Create([256]);
        using var wide = Tensor<Float8E5M2>.Create([256]);
        for (var i = 0; i < 256; i++)
        {
            Elements(codes)[i] = Float8E4M3.FromBits((byte)i);
            Elements(wide)[i] = Float8E5M2.FromBits((byte)i);
        }

        Narrow(ToDevice(codes), DType.Float32, OverflowMode.SaturateFinite)
            .Should()
            .Equal(Elements(codes).ToArray().SelectMany(c => BitConverter.GetBytes((float)c)));
        Narrow(ToDevice(wide), DType.Float32, OverflowMode.SaturateFinite)
            .Should()
            .Equal(Elements(wide).ToArray().SelectMany(c => BitConverter.GetBytes((float)c)));
    }

    [Fact]
    public void Cast_HalfAndBFloat16_AllCodesRoundTrip()
    {
        using var host = Tensor<ushort>.Create([65536]);
        for (var i = 0; i < 65536; i++)
            Elements(host)[i] = (ushort)i;
        foreach (var dtype in new[] { DType.Float16, DType.BFloat16 })
        {
            using var codes = Tensor.Create(dtype, [65536]);
            Raw(host).CopyTo(Raw(codes));
            var wide = Empty(DType.Float32, [65536]);
            var back = Empty(dtype, [65536]);

            CudaTensor.Cast(ToDevice(codes), wide, Stream);
            CudaTensor.Cast(wide, back, Stream);

            var result = Bytes(back).Chunk(2).Select(c => BitConverter.ToUInt16(c)).ToArray();
            var infinity = dtype == DType.Float16 ? 0x7C00 : 0x7F80;
            for (var i = 0; i < 65536; i++)
                if ((i & 0x7FFF) <= infinity)
                    result[i].Should().Be((ushort)i);
        }
    }

    [Fact]
    public void Compare_DifferentValues_CountsAndFindsTheFirst()
    {
        using var host = Values([40, 50], 4);
        var expected = ToDevice(host);
        Elements(host)[77] += 4;
        Elements(host)[1500] = float.NaN;
        Elements(host)[3] = MathF.BitIncrement(Elements(host)[3]);
        var actual = ToDevice(host);

        var exact = CudaTensor.Compare(actual, expected, Stream);
        var tolerant = CudaTensor.Compare(actual, expected, Stream, absolute: 1e-3f);

        exact.Count.Should().Be(3);
        exact.First.Should().Be(3);
        exact.UnorderedCount.Should().Be(1);
        exact.LargestDifference.Should().BeApproximately(4, 1e-3f);
        tolerant.Count.Should().Be(2);
        tolerant.First.Should().Be(77);
    }

    [Fact]
    public void Compare_EqualWithNaNAndInfinity_IsEmpty()
    {
        using var host = Values([30, 30], 6, special: true);

        CudaTensor.Compare(ToDevice(host), ToDevice(host), Stream).IsEmpty.Should().BeTrue();
    }

    [Fact]
    public void Operations_EmptyTensors_DoNothing()
    {
        var x = Empty(DType.Float32, [0, 4]);
        var y = Empty(DType.BFloat16, [0, 4]);

        CudaTensor.Fill(x, 0, Stream);
        CudaTensor.Cast(x, y, Stream);

        CudaTensor.Compare(x, y, Stream).Should().Be(new TensorDifference(0, -1, 0, 0));
    }

    [Fact]
    public void Cast_SharedMemory_IsRefused()
    {
        var x = Empty(DType.Float32, [8]);

        var act = () => CudaTensor.Cast(x, x, Stream);

        act.Should().Throw<ArgumentException>().WithMessage("*destination overlaps source*");
    }

    private byte[] Narrow(Tensor x, DType dtype, OverflowMode overflow)
    {
        var result = Empty(dtype, x.Shape);
        CudaTensor.Cast(x, result, Stream, overflow);
        return Bytes(result);
    }

    private static unsafe Span<byte> Raw(Tensor tensor) =>
        new(tensor.DataPointer, (int)(tensor.ElementCount * DTypes.SizeInBytes(tensor.DType)));
}
