// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Quantization;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Quantization;

public class QuantizerTests
{
    private static readonly (long M, long K)[] s_shapes =
    [
        (1, 1),
        (1, 16),
        (3, 31),
        (2, 128),
        (5, 129),
        (7, 200),
        (64, 384),
        (129, 500),
    ];

    public static TheoryData<SimdTier, DType> Cases
    {
        get
        {
            var data = new TheoryData<SimdTier, DType>();
            foreach (var tier in SimdTiers.Supported)
            foreach (var dtype in new[] { DType.Float32, DType.BFloat16 })
                data.Add(tier, dtype);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerToken_AnyShape_EqualsOracle(SimdTier tier, DType dtype)
    {
        foreach (var (m, k) in s_shapes)
        foreach (var granK in new[] { 32, 128 })
        foreach (var ue8m0 in new[] { false, true })
        foreach (var format in new[] { DType.Float8E4M3, DType.Float8E5M2 })
        {
            using var x = Input(dtype, [m, k]);
            using var q = Quantizer.QuantizePerToken(
                x,
                granK,
                ue8m0,
                format: format,
                options: Options(tier)
            );

            var blocks = (int)((k + granK - 1) / granK);
            q.Scales.Shape.Should().Equal(m, blocks);
            var (max, encode) = Codec(format);
            for (var row = 0; row < m; row++)
            for (var block = 0; block < blocks; block++)
            {
                var columns = Enumerable
                    .Range(block * granK, (int)Math.Min(granK, k - block * granK))
                    .ToArray();
                CheckBlock(
                    q,
                    [.. columns.Select(c => (row, c))],
                    x,
                    [row, block],
                    max,
                    encode,
                    ue8m0
                );
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerBlock_AnyShape_EqualsOracle(SimdTier tier, DType dtype)
    {
        foreach (var (m, k) in s_shapes)
        foreach (var gran in new[] { 32, 128 })
        foreach (var ue8m0 in new[] { false, true })
        {
            using var x = Input(dtype, [m, k]);
            using var q = Quantizer.QuantizePerBlock(x, gran, ue8m0, options: Options(tier));

            for (var i = 0; i < q.Scales.Shape[0]; i++)
            for (var j = 0; j < q.Scales.Shape[1]; j++)
            {
                var cells =
                    from r in Enumerable.Range(i * gran, (int)Math.Min(gran, m - i * gran))
                    from c in Enumerable.Range(j * gran, (int)Math.Min(gran, k - j * gran))
                    select (r, c);
                CheckBlock(q, [.. cells], x, [i, j], 448, QuantizerOracle.E4M3, ue8m0);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerChannel_AnyShape_EqualsOracle(SimdTier tier, DType dtype)
    {
        foreach (
            var (k, n, granK) in new[]
            {
                (32, 1, 32),
                (64, 17, 32),
                (256, 130, 128),
                (128, 64, 128),
            }
        )
        foreach (var ue8m0 in new[] { false, true })
        {
            using var x = Input(dtype, [k, n]);
            using var q = Quantizer.QuantizePerChannel(x, granK, ue8m0, options: Options(tier));

            q.Scales.Shape.Should().Equal(k / granK, n);
            for (var block = 0; block < k / granK; block++)
            for (var c = 0; c < n; c++)
                CheckBlock(
                    q,
                    [.. Enumerable.Range(block * granK, granK).Select(r => (r, c))],
                    x,
                    [block, c],
                    448,
                    QuantizerOracle.E4M3,
                    ue8m0
                );
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerTokenFp4_AnyShape_EqualsOracle(SimdTier tier, DType dtype)
    {
        foreach (var (m, k) in new[] { (1, 2), (3, 62), (5, 128), (4, 300) })
        foreach (var rounding in Enum.GetValues<Fp4Rounding>())
        foreach (var ue8m0 in new[] { false, true })
        {
            using var x = Input(dtype, [m, k]);
            using var q = Quantizer.QuantizePerTokenFp4(
                x,
                32,
                ue8m0,
                rounding: rounding,
                options: Options(tier)
            );

            q.IsFp4.Should().BeTrue();
            q.Data.Shape.Should().Equal(m, k / 2);
            Func<float, byte> encode =
                rounding == Fp4Rounding.NearestEven
                    ? QuantizerOracle.E2M1
                    : QuantizerOracle.E2M1HalfDown;
            var data = q.Data.As<byte>();
            for (var row = 0; row < m; row++)
            for (var block = 0; block < (k + 31) / 32; block++)
            {
                var columns = Enumerable.Range(block * 32, Math.Min(32, k - block * 32)).ToArray();
                var expected = QuantizerOracle.Block(
                    [.. columns.Select(c => Value(x, row, c))],
                    6,
                    ue8m0,
                    encode
                );
                Bits(q.Scales.As<float>()[row, block]).Should().Be(Bits(expected.Scale));
                columns
                    .Select(c => (byte)(data[row, c / 2] >> 4 * (c % 2) & 0xF))
                    .Should()
                    .Equal(expected.Codes);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerDims_AnyKeptSet_EqualsOracle(SimdTier tier, DType dtype)
    {
        using var x = Input(dtype, [3, 4, 5, 70]);
        int[][] sets =
        [
            [],
            [0],
            [1],
            [3],
            [0, 1],
            [0, 3],
            [1, 2],
            [2, 3],
            [0, 1, 2],
            [0, 1, 2, 3],
            [-4, -1],
        ];
        foreach (var kept in sets)
        {
            using var q = Quantizer.QuantizePerDims(
                x,
                kept,
                ue8m0: kept.Length == 2,
                options: Options(tier)
            );

            var dims = kept.Select(d => d < 0 ? d + 4 : d).ToArray();
            var groups = AllIndices(x.Shape)
                .GroupBy(index => string.Join(',', dims.Select(d => index[d])));
            foreach (var group in groups)
            {
                var cells = group.ToArray();
                var expected = QuantizerOracle.Block(
                    [.. cells.Select(c => ValueAt(x, c))],
                    448,
                    kept.Length == 2,
                    QuantizerOracle.E4M3
                );
                long[] at = [.. dims.Select(d => cells[0][d])];
                Bits(q.Scales.As<float>()[at]).Should().Be(Bits(expected.Scale));
                cells.Select(c => q.Data.As<Float8E4M3>()[c].Bits).Should().Equal(expected.Codes);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void QuantizePerToken_SpecialValues_EqualsOracle(SimdTier tier, DType dtype)
    {
        float[][] rows =
        [
            [0, 0, -0f, 0],
            [float.NaN, 1, -2, 0],
            [float.PositiveInfinity, 1, -2, 0],
            [float.NegativeInfinity, float.NaN, 3, 1e-40f],
            [1e-40f, -1e-38f, 0, 1e-30f],
            [float.MaxValue, float.MinValue, 1, 0],
            [448, 464, -448, 0.001f],
        ];
        foreach (var ue8m0 in new[] { false, true })
        foreach (var rule in Enum.GetValues<ScaleRule>())
        foreach (var row in rows)
        {
            float[] padded = [.. row, .. Enumerable.Repeat(0.25f, 40)];
            using var wide = Tensor<float>.FromSpan(padded, [1, padded.Length]);
            using var x = Convert(wide, dtype);
            using var data = Tensor<Float8E4M3>.Create(x.Shape);
            using var scales = Tensor<float>.Create([1, 1]);

            Quantizer.QuantizePerToken(x, data, scales, 128, ue8m0, rule, Options(tier));

            var values = Enumerable.Range(0, padded.Length).Select(c => Value(x, 0, c)).ToArray();
            var expected = QuantizerOracle.Block(values, 448, ue8m0, QuantizerOracle.E4M3, rule);
            Bits(scales[0, 0]).Should().Be(Bits(expected.Scale));
            data.ToArray().Select(c => c.Bits).Should().Equal(expected.Codes);
        }
    }

    [Fact]
    public void QuantizePerToken_KnownValues_MatchesHandCalculation()
    {
        using var x = Tensor<float>.FromSpan([896, -448, 1, 0], [1, 4]);
        using var q = Quantizer.QuantizePerToken(x);
        using var p = Quantizer.QuantizePerToken(x, packedUe8m0: true);

        q.Scales.As<float>()[0, 0].Should().Be(2);
        q.Data.As<Float8E4M3>().ToArray().Select(c => c.Bits).Should().Equal(0x7E, 0xF6, 0x30, 0);
        p.Scales.As<int>()[0, 0].Should().Be(0x7F7F7F80);
    }

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

    private static void CheckBlock(
        QuantizedTensor q,
        (int Row, int Column)[] cells,
        Tensor x,
        long[] scaleAt,
        float max,
        Func<float, byte> encode,
        bool ue8m0
    )
    {
        var expected = QuantizerOracle.Block(
            [.. cells.Select(c => Value(x, c.Row, c.Column))],
            max,
            ue8m0,
            encode
        );
        if (Bits(q.Scales.As<float>()[scaleAt]) != Bits(expected.Scale))
            Assert.Fail(
                $"scale {string.Join(',', scaleAt)}: expected {expected.Scale:R}, got {q.Scales.As<float>()[scaleAt]:R}"
            );
        for (var i = 0; i < cells.Length; i++)
        {
            var (row, column) = cells[i];
            var code = Code(q.Data, row, column);
            if (code != expected.Codes[i])
                Assert.Fail(
                    $"[{row},{column}] of {x}: expected 0x{expected.Codes[i]:X2}, got 0x{code:X2}"
                );
        }
    }

    private static (float Max, Func<float, byte> Encode) Codec(DType format) =>
        format == DType.Float8E4M3 ? (448, QuantizerOracle.E4M3) : (57344, QuantizerOracle.E5M2);

    private static byte Code(Tensor data, long row, long column) =>
        data is Tensor<Float8E4M3> e4m3
            ? e4m3[row, column].Bits
            : data.As<Float8E5M2>()[row, column].Bits;

    private static float Value(Tensor x, long row, long column) => ValueAt(x, [row, column]);

    private static float ValueAt(Tensor x, long[] index) =>
        x is Tensor<float> wide ? wide[index] : (float)x.As<BFloat16>()[index];

    private static IEnumerable<long[]> AllIndices(Shape shape)
    {
        for (long i = 0; i < shape.ElementCount; i++)
        {
            var index = new long[shape.Rank];
            var rest = i;
            for (var d = shape.Rank - 1; d >= 0; d--)
                (rest, index[d]) = Math.DivRem(rest, shape[d]);
            yield return index;
        }
    }

    private static Tensor Input(DType dtype, Shape shape)
    {
        using var wide = new DeterministicRandom(7).Normal<float>(shape, deviation: 3);
        var values = wide.AsSpan();
        // Some blocks of zeros and of tiny numbers.
        for (var i = 0; i < values.Length; i++)
            if (i / 256 % 5 == 3)
                values[i] *= i / 1280 % 2 == 0 ? 0 : 1e-7f;
        return Convert(wide, dtype);
    }

    private static Tensor Convert(Tensor<float> wide, DType dtype)
    {
        if (dtype == DType.Float32)
            return wide.ToContiguous();
        return Tensor<BFloat16>.FromSpan([.. wide.ToArray().Select(v => (BFloat16)v)], wide.Shape);
    }

    private static Tensor Transposed(Tensor x) =>
        x is Tensor<float> wide
            ? wide.AsTransposed().ToContiguous()
            : x.As<BFloat16>().AsTransposed().ToContiguous();

    private static CpuBackendOptions Options(SimdTier tier) => new() { MaxIsa = tier };

    private static uint Bits(float value) => MemoryMarshal.Cast<float, uint>([value])[0];
}
