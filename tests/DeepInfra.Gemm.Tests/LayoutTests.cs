// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;
using DeepInfra.Core;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Gemm.Tests;

public sealed class LayoutTests
{
    private static readonly LayoutOperators s_layout = GemmContext.Cpu.Layout;

    [Theory]
    [InlineData(0, 4, 0)]
    [InlineData(1, 4, 4)]
    [InlineData(4096, 4, 4096)]
    [InlineData(4097, 4, 4100)]
    [InlineData(5, 1, 16)]
    [InlineData(9, 2, 16)]
    public void GetTmaAlignedSize_Counts_RoundUpToSixteenBytes(long count, int bytes, long expected)
    {
        LayoutOperators.GetTmaAlignedSize(count, bytes).Should().Be(expected);
    }

    [Theory]
    [InlineData(-1, 4)]
    [InlineData(1, 3)]
    [InlineData(1, 0)]
    [InlineData(1, 32)]
    public void GetTmaAlignedSize_BadArguments_Throws(long count, int bytes)
    {
        var call = () => LayoutOperators.GetTmaAlignedSize(count, bytes);

        call.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Theory]
    [InlineData(128, 2, 1)]
    [InlineData(129, 7, 1)]
    [InlineData(129, 57, 4)]
    [InlineData(64, 56, 2)]
    public void GetMnMajorTmaAlignedTensor_RowMajor_IsTransposedInMemory(int mn, int k, int groups)
    {
        var inputs = new GemmInputs(mn);
        var scales = inputs.Scales(groups * mn, k).AsReshaped([groups, mn, k]);
        var source = groups == 1 ? scales.AsSelected(0, 0) : scales;
        var leading = (mn + 3) / 4 * 4;

        using var aligned = s_layout.GetMnMajorTmaAlignedTensor(source);

        aligned.Shape.Should().Equal(source.Shape);
        aligned.ToArray().Should().Equal(source.ToArray());
        aligned.Strides[-2].Should().Be(1);
        aligned.Strides[-1].Should().Be(leading);
        if (groups > 1)
            aligned.Strides[0].Should().Be(leading * k);
    }

    [Fact]
    public void GetMnMajorTmaAlignedTensor_DetachedFromScope_KeepsItsMemory()
    {
        var scales = new GemmInputs(1).Scales(128, 3);
        Tensor<float> aligned;

        using (var scope = new TensorScope())
        {
            aligned = scope.Detach(s_layout.GetMnMajorTmaAlignedTensor(scales));
            scope.Count.Should().Be(0);
        }

        aligned.ToArray().Should().Equal(scales.ToArray());
        aligned.Dispose();
    }

    [Fact]
    public void GetMnMajorTmaAlignedTensor_InLayout_IsReturnedItself()
    {
        using var once = s_layout.GetMnMajorTmaAlignedTensor(new GemmInputs(1).Scales(129, 5));

        s_layout.GetMnMajorTmaAlignedTensor(once).Should().BeSameAs(once);
        var column = new GemmInputs(1).Scales(128, 1);
        s_layout.GetMnMajorTmaAlignedTensor(column).Should().BeSameAs(column);
    }

    [Theory]
    [InlineData(128, 1)]
    [InlineData(129, 7)]
    [InlineData(4, 56)]
    public void PackUe8m0_PowersOfTwo_RoundTripsInMnMajorWords(int mn, int k)
    {
        var random = new Random(k);
        var scales = Tensor<float>.Create([2, mn, k]);
        foreach (ref var scale in scales.AsSpan())
            scale = MathF.ScaleB(1, random.Next(-126, 128));
        scales.AsSpan()[0] = MathF.ScaleB(1, -127);

        using var words = s_layout.PackUe8m0(scales);

        words.Shape.Should().Equal(2, mn, (k + 3) / 4);
        words.Strides[-2].Should().Be(1);
        words.Strides[-1].Should().Be((mn + 3) / 4 * 4);
        s_layout.UnpackUe8m0(words, k).ToArray().Should().Equal(scales.ToArray());
        if (k % 4 != 0)
            (words.ToArray()[(k + 3) / 4 - 1] >> (8 * (k % 4))).Should().Be(0);
    }

    [Fact]
    public void PackUe8m0_QuantizerScales_GiveTheSameProduct()
    {
        var inputs = new GemmInputs(2);
        using var a = Quantizer.QuantizePerToken(inputs.Normals(20, 640), ue8m0: true);
        using var b = Quantizer.QuantizePerToken(inputs.Normals(32, 640), ue8m0: true);
        var call = new GemmCall { Recipe = new ScaleRecipe(1, 1, 128) };
        var expected = Tensor<float>.Create([20, 32]);
        var d = Tensor<float>.Create([20, 32]);

        GemmContext.Cpu.Ops.Fp8GemmNT(new(a.Data, a.Scales), new(b.Data, b.Scales), expected, call);
        GemmContext.Cpu.Ops.Fp8GemmNT(
            new(a.Data, s_layout.PackUe8m0(a.Scales.As<float>())),
            new(b.Data, s_layout.PackUe8m0(b.Scales.As<float>())),
            d,
            call
        );

        d.ToArray().Should().Equal(expected.ToArray());
    }

    [Fact]
    public void PackUe8m0_Zero_BecomesTheSmallestPower()
    {
        var scales = Tensor<float>.Create([1, 2]);
        scales.AsSpan()[1] = 1;

        using var words = s_layout.PackUe8m0(scales);

        words.ToArray().Should().Equal(0x7F00);
        s_layout.UnpackUe8m0(words, 2).ToArray().Should().Equal(MathF.ScaleB(1, -127), 1f);
    }

    [Theory]
    [InlineData(3f)]
    [InlineData(-1f)]
    [InlineData(-0f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.Epsilon)]
    public void PackUe8m0_NotAPowerOfTwo_Throws(float bad)
    {
        var scales = Tensor<float>.Create([2, 3]);
        scales.Fill(2f);
        scales.AsView().Row(1)[2] = bad;

        var call = () => s_layout.PackUe8m0(scales);

        call.Should()
            .Throw<ScaleNotPowerOfTwoException>()
            .Which.Message.Should()
            .StartWith("scales[1,2]: expected a power of two");
    }

    [Fact]
    public void PackUe8m0_GroupsOfRows_SkipsGaps()
    {
        var scales = Tensor<float>.Create([10, 1]);
        scales.Fill(1f);
        foreach (var gap in new[] { 3, 9 })
            scales.AsSpan()[gap] = float.NaN;
        var groups = new PrefixSumLayout(Tensor<int>.FromSpan([3, 4, 9], [3]));

        using var words = GemmContext
            .CreateCpu(new GemmOptions { MkAlignment = 4 })
            .Layout.PackUe8m0(scales, groups);

        words.ToArray().Should().Equal(127, 127, 127, 0, 127, 127, 127, 127, 127, 0);
    }

    [Fact]
    public void PackKGroupedUe8m0_Groups_StartAtWordsOfTheirOwn()
    {
        int[] ks = [128 * 5, 0, 100];
        var scales = Tensor<float>.Create([6, 8]);
        for (var row = 0; row < 6; row++)
            scales.AsSlice(0, row, 1).Fill(MathF.ScaleB(1, row));

        using var words = s_layout.PackKGroupedUe8m0(scales, ks);

        words.Shape.Should().Equal(3, 8);
        words.AsView().Row(0)[7].Should().Be(unchecked((int)0x8281807F));
        words.AsView().Row(1)[0].Should().Be(0x83);
        words.AsView().Row(2)[0].Should().Be(0x84);
    }

    [Theory]
    [InlineData(64, 128)]
    [InlineData(102, 32)]
    [InlineData(2, 2)]
    public void TransposePackedFp4_Matrix_IsTransposed(int rows, int columns)
    {
        var inputs = new GemmInputs(rows);
        using var packed = inputs.Fp4(rows, columns).ToContiguous();

        using var transposed = s_layout.TransposePackedFp4(packed);

        for (var row = 0; row < rows; row++)
        for (var column = 0; column < columns; column++)
            Code(transposed, column, row).Should().Be(Code(packed, row, column));
        s_layout.TransposePackedFp4(transposed).ToArray().Should().Equal(packed.ToArray());

        static int Code(Tensor<byte> matrix, int row, int column) =>
            matrix.AsView().Row(row)[column / 2] >> (4 * (column & 1)) & 0xF;
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(4, 0)]
    public void Layout_NoScales_GivesNone(int mn, int k)
    {
        using var scales = Tensor<float>.Create([mn, k]);
        using var groups = Tensor<float>.Create([0, 5, 3]);

        s_layout.GetMnMajorTmaAlignedTensor(scales).Shape.Should().Equal(mn, k);
        s_layout.GetMnMajorTmaAlignedTensor(groups).ElementCount.Should().Be(0);
        using var words = s_layout.PackUe8m0(scales);
        words.Shape.Should().Equal(mn, (k + 3) / 4);
        s_layout.UnpackUe8m0(words, k).ElementCount.Should().Be(0);
    }

    [Fact]
    public void CalcDiff_EdgeInputs_AreDefined()
    {
        GemmDiagnostics.CalcDiff([], []).Should().Be(0);
        GemmDiagnostics.CalcDiff([0, 0], [0, 0]).Should().Be(0);
        GemmDiagnostics.CalcDiff([1, 2], [1, 2]).Should().Be(0);
        GemmDiagnostics.CalcDiff([1], [-1]).Should().Be(2);
        GemmDiagnostics.CalcDiff([1], [double.PositiveInfinity]).Should().Be(double.NaN);
        FluentActions
            .Invoking(() => GemmDiagnostics.CalcDiff([1], [1, 2]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("y: expected 1 values, got 2*");
    }

    [Fact]
    public void Layout_BadShapes_Throw()
    {
        var flat = Tensor<float>.Create([4]);
        var cases = new Action[]
        {
            () => s_layout.GetMnMajorTmaAlignedTensor(flat),
            () => s_layout.PackUe8m0(flat),
            () => s_layout.UnpackUe8m0(Tensor<int>.Create([4]), 1),
            () => s_layout.UnpackUe8m0(Tensor<int>.Create([4, 1]), 5),
            () => s_layout.PackKGroupedUe8m0(Tensor<float>.Create([3, 4]), [128, 128]),
            () => s_layout.TransposePackedFp4(Tensor<byte>.Create([3, 4])),
            () => s_layout.TransposePackedFp4(Tensor<byte>.Create([4])),
            () =>
                s_layout.PackUe8m0(
                    Tensor<float>.Create([1, 4, 1]),
                    new PrefixSumLayout(Tensor<int>.Create([1]))
                ),
            () =>
                s_layout.PackUe8m0(
                    Tensor<float>.Create([4, 1]),
                    new PrefixSumLayout(Tensor<int>.FromSpan([5], [1]))
                ),
            () =>
                s_layout.PackUe8m0(
                    Tensor<float>.Create([400, 1]),
                    new PrefixSumLayout(Tensor<int>.FromSpan([5, 100], [2]))
                ),
            () => s_layout.PackKGroupedUe8m0(Tensor<float>.Create([3, 4]), [128], 1 << 30),
        };

        foreach (var call in cases)
            call.Should().Throw<ArgumentException>();
    }

    [Fact]
    public unsafe void Layout_DeviceOrDisposedTensors_Throw()
    {
        var floats = Tensor<float>.Wrap((float*)256, [4, 4], device: Device.Cuda(0));
        var ints = Tensor<int>.Wrap((int*)256, [4, 4], device: Device.Cuda(0));
        var bytes = Tensor<byte>.Wrap((byte*)256, [4, 4], device: Device.Cuda(0));
        var disposed = Tensor<float>.Create([4, 4]);
        disposed.Dispose();

        foreach (
            var call in new Action[]
            {
                () => s_layout.GetMnMajorTmaAlignedTensor(floats),
                () => s_layout.PackUe8m0(floats),
                () => s_layout.PackKGroupedUe8m0(floats, [512]),
                () => s_layout.UnpackUe8m0(ints, 4),
                () => s_layout.TransposePackedFp4(bytes),
            }
        )
            call.Should().Throw<NotSupportedException>().WithMessage("*on the CPU*cuda:0*");
        FluentActions
            .Invoking(() => s_layout.PackUe8m0(disposed))
            .Should()
            .Throw<ObjectDisposedException>();
    }
}
