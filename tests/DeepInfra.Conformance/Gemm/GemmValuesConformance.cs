// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Gemm;

/// <summary>Special values: NaN codes, zeros, largest codes, extreme scales.</summary>
public abstract class GemmValuesConformance<TBackend>
    where TBackend : struct, IGemmBackend
{
    private const int N = 24;
    private const int K = 208;

    /// <summary>Row counts that take different paths.</summary>
    public static TheoryData<int> RowCounts => [1, 3, 8, 20];

    private static GemmUnderTest Gemm => new(TBackend.Create());

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_NaNCodes_PoisonTheirRowAndColumn(int m)
    {
        var (a, b) = Operands(m);
        var lastRow = m - 1;
        a.As<Float8E4M3>().AsView().Row(lastRow)[K - 1] = Float8E4M3.FromBits(0xFF);
        b.As<Float8E4M3>().AsView().Row(5)[3] = Float8E4M3.FromBits(0x7F);

        foreach (var type in new[] { DType.Float32, DType.BFloat16 })
        {
            var d = Multiply(a, b, Ones(m, 2), Ones(1, 2), type);

            for (var row = 0; row < m; row++)
            for (var column = 0; column < N; column++)
                double.IsNaN(d[row, column]).Should().Be(row == lastRow || column == 5);
        }
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Bf16Gemm_InfinityAndNaN_Propagate(int m)
    {
        var inputs = new GemmInputs(m);
        var a = inputs.BFloat16s(m, K);
        var b = inputs.BFloat16s(N, K);
        a.AsView().Row(0)[7] = BFloat16.FromBits(0x7F80);
        b.AsView().Row(2)[7] = BFloat16.FromBits(0);
        b.AsView().Row(3)[7] = BFloat16.FromBits(0xBF80);
        var d = Tensor<float>.Create([m, N]);

        Gemm.Ops.Bf16GemmNT(a, b, d);

        var row = d.AsView().Row(0);
        row[2].Should().Be(float.NaN);
        row[3].Should().Be(float.NegativeInfinity);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_AllZeros_GivesZero(int m)
    {
        var (a, b) = Operands(m, _ => 0x00);

        Multiply(a, b, Ones(m, 2), Ones(1, 2)).Cast<double>().Should().OnlyContain(v => v == 0);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_NegativeZeros_GiveZero(int m)
    {
        var (a, b) = Operands(m, row => row == 0 ? (byte)0x80 : (byte)0x38);

        var d = Multiply(a, b, Ones(m, 2), Ones(1, 2));

        d[0, 0].Should().Be(0);
        d[0, 1].Should().Be(0);
        if (m > 1)
            d[1, 1].Should().Be(K);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_LargestCodes_AreExact(int m)
    {
        var (a, b) = Operands(m, _ => 0x7E);

        Multiply(a, b, Ones(m, 2), Ones(1, 2))
            .Cast<double>()
            .Should()
            .OnlyContain(v => v == 448.0 * 448.0 * K);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_SmallestCodes_SurviveAsSubnormals(int m)
    {
        var (a, b) = Operands(m, _ => 0x01);

        Multiply(a, b, Ones(m, 2), Ones(1, 2))
            .Cast<double>()
            .Should()
            .OnlyContain(v => v == K * Math.ScaleB(1, -18));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public void Fp8Gemm_EveryCode_HasItsValue(int m)
    {
        // B row n holds code n in its first element and zeros elsewhere.
        var a = Tensor<Float8E4M3>.Create([m, 16]);
        a.Fill(Float8E4M3.FromBits(0x38));
        foreach (var kMajor in new[] { true, false })
        {
            var b = kMajor
                ? Tensor<Float8E4M3>.Create([256, 16])
                : Tensor<Float8E4M3>.Create([16, 256]).AsTransposed();
            for (var code = 0; code < 256; code++)
                b.AsSelected(0, code).AsSlice(0, 3, 1).Fill(Float8E4M3.FromBits((byte)code));
            var d = Tensor<float>.Create([m, 256]);

            Gemm.Ops.Fp8GemmNT(new(a, Ones(m, 1)), new(b, Ones(2, 1)), d);

            for (var code = 0; code < 256; code++)
                d.AsView().Row(m - 1)[code].Should().Be((float)Float8E4M3.FromBits((byte)code));
        }
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_ExtremeScales_ActPerBlock(int m)
    {
        var (a, b) = Operands(m, _ => 0x38);
        var scales = Ones(m, 2);
        scales.AsView().Row(0)[0] = 0f;
        scales.AsView().Row(0)[1] = 2f;
        Multiply(a, b, scales, Ones(1, 2))[0, 0].Should().Be(2 * (K - 128));

        scales.AsView().Row(0)[0] = float.PositiveInfinity;
        Multiply(a, b, scales, Ones(1, 2))[0, 0].Should().Be(double.PositiveInfinity);

        scales.AsView().Row(0)[0] = float.Epsilon;
        scales.AsView().Row(0)[1] = 0f;
        Multiply(a, b, scales, Ones(1, 2))[0, 0].Should().Be(128.0 * float.Epsilon);

        scales.AsView().Row(0)[0] = float.NaN;
        Multiply(a, b, scales, Ones(1, 2))[0, 0].Should().Be(double.NaN);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_PackedScaleLimits_AreTakenLiterally(int m)
    {
        var (a, b) = Operands(m, _ => 0x38);
        var scalesA = Tensor<int>.Create([m, 1]);
        scalesA.Fill(0x7F00); // 2^-127, 2^0
        var scalesB = Tensor<int>.Create([N, 1]);
        scalesB.Fill(0x00FE); // 2^127, 2^-127
        var d = Tensor<float>.Create([m, N]);

        Gemm.Ops.Fp8GemmNT(new(a, scalesA), new(b, scalesB), d);
        d.ToArray().Should().OnlyContain(v => v == 128f);

        scalesA.Fill(0xFF7F); // 2^0, NaN
        Gemm.Ops.Fp8GemmNT(new(a, scalesA), new(b, scalesB), d);
        d.ToArray().Should().OnlyContain(v => float.IsNaN(v));
    }

    [Fact]
    public void Fp8Gemm_ResultBetweenBFloat16Values_RoundsToEven()
    {
        // 256 + 1 lies half-way between 256 and 258; 258 + 1 between 258 and 260.
        var a = Tensor<Float8E4M3>.Create([2, 16]);
        var b = Tensor<Float8E4M3>.Create([8, 16]);
        b.Fill((Float8E4M3)1f);
        a.AsView().Row(0)[0] = (Float8E4M3)256f;
        a.AsView().Row(0)[1] = (Float8E4M3)1f;
        a.AsView().Row(1)[0] = (Float8E4M3)256f;
        a.AsView().Row(1)[1] = (Float8E4M3)3f;
        var d = Tensor<BFloat16>.Create([2, 8]);

        Gemm.Ops.Fp8GemmNT(new(a, Ones(2, 1)), new(b, Ones(1, 1)), d);

        ((float)d.AsView().Row(0)[0]).Should().Be(256f);
        ((float)d.AsView().Row(1)[0]).Should().Be(260f);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_AboveTheLargestBFloat16_IsInfinite(int m)
    {
        // Every sum is about the largest Float32, which rounds up.
        var (a, b) = Operands(m, _ => 0x38);
        var scales = Ones(m, 2);
        scales.Fill(float.MaxValue / K);

        Multiply(a, b, scales, Ones(1, 2), DType.BFloat16)
            .Cast<double>()
            .Should()
            .OnlyContain(v => double.IsPositiveInfinity(v));
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_ByteScaleLimits_AreTakenLiterally(int m)
    {
        var (a, b) = Operands(m, _ => 0x38);
        var scalesA = Tensor<Float8E8M0>.Create([m, 2]);
        var scalesB = Tensor<Float8E8M0>.Create([1, 2]);
        scalesA.Fill(Float8E8M0.FromBits(0x00)); // 2^-127
        scalesB.Fill(Float8E8M0.FromBits(0xFE)); // 2^127
        var d = Tensor<float>.Create([m, N]);

        Gemm.Ops.Fp8GemmNT(new(a, scalesA), new(b, scalesB), d);
        d.ToArray().Should().OnlyContain(v => v == K);

        scalesA.Fill(Float8E8M0.FromBits(0xFF));
        Gemm.Ops.Fp8GemmNT(new(a, scalesA), new(b, scalesB), d);
        d.ToArray().Should().OnlyContain(v => float.IsNaN(v));
    }

    private static (Tensor A, Tensor B) Operands(int m, Func<int, byte>? code = null)
    {
        var inputs = new GemmInputs(m);
        var a = inputs.Fp8(m, K);
        var b = inputs.Fp8(N, K);
        if (code is null)
            return (a, b);
        for (var row = 0; row < m; row++)
            a.AsView().Row(row).Fill(Float8E4M3.FromBits(code(row)));
        for (var row = 0; row < N; row++)
            b.AsView().Row(row).Fill(Float8E4M3.FromBits(code(row + 1)));
        return (a, b);
    }

    private static Tensor<float> Ones(long rows, long columns)
    {
        var scales = Tensor<float>.Create([rows, columns]);
        scales.Fill(1f);
        return scales;
    }

    private static double[,] Multiply(
        Tensor a,
        Tensor b,
        Tensor scalesA,
        Tensor scalesB,
        DType type = DType.Float32
    )
    {
        var d = Tensor.Create(type, [a.Shape[0], N]);
        Gemm.Ops.Fp8GemmNT(new(a, scalesA), new(b, scalesB), d);
        return GemmCheck.Values(d);
    }
}
