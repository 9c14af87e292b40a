// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Quantization;
using static DeepInfra.Core.Tests.Quantization.QuantizerInputs;

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

    public static TheoryData<SimdTier, DType> Cases => TiersAndTypes;

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
}
