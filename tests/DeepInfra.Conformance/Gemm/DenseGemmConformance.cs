// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Gemm;
using DeepInfra.Gemm.Reference;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Gemm;

/// <summary>Dense multiplications: shapes, layouts, element orders, outputs, accumulation, bias.</summary>
public abstract class DenseGemmConformance<TBackend>
    where TBackend : struct, IGemmBackend
{
    private static readonly int[] s_m = [1, 2, 7, 63, 64, 65, 127, 129];
    private static readonly int[] s_n = [8, 16, 24, 136, 264];
    private static readonly int[] s_k = [16, 128, 144, 208, 384];

    /// <summary>Forward shapes of the large models, an eighth in N and K.</summary>
    public static TheoryData<int, int, int> ModelShapes =>
        new()
        {
            { 1, 264, 896 },
            { 64, 72, 896 },
            { 33, 1536, 128 },
            { 1, 4096, 64 },
            { 16, 448, 2048 },
            { 4, 512, 896 },
            { 9, 896, 256 },
        };

    protected static GemmUnderTest Gemm => new(TBackend.Create());

    [Theory]
    [InlineData(GemmLayout.NT)]
    [InlineData(GemmLayout.NN)]
    [InlineData(GemmLayout.TN)]
    [InlineData(GemmLayout.TT)]
    public void Fp8Gemm_OddShapes_MatchesReference(GemmLayout layout)
    {
        var variant = 0;
        foreach (var (m, n, k) in Shapes(layout))
            CheckFp8(m, n, k, layout, variant++);
    }

    [Theory]
    [InlineData(GemmLayout.NT)]
    [InlineData(GemmLayout.NN)]
    [InlineData(GemmLayout.TN)]
    [InlineData(GemmLayout.TT)]
    public void Bf16Gemm_OddShapes_MatchesReference(GemmLayout layout)
    {
        var variant = 0;
        foreach (var (m, n, k) in Shapes(layout))
            CheckBf16(m, n, k, layout, variant++);
    }

    [Theory]
    [MemberData(nameof(ModelShapes))]
    public void Gemm_ModelShapes_MatchesReference(int m, int n, int k)
    {
        CheckFp8(m, n, k, GemmLayout.NT, 0);
        CheckFp8(m, n, k, GemmLayout.NN, 5);
        CheckBf16(m, n, k, GemmLayout.NT, 0);
    }

    [Fact]
    public void Fp8Gemm_DeepWithManyTiles_MatchesReference()
    {
        CheckFp8(300, 528, 272, GemmLayout.NT, 1);
        CheckFp8(270, 520, 272, GemmLayout.TN, 2);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Fp8Gemm_Fp4Operands_MatchesReference(bool kMajorA, bool kMajorB)
    {
        foreach (var (m, n, k) in new[] { (1, 64, 64), (6, 32, 160), (40, 96, 288) })
        {
            var inputs = new GemmInputs(m);
            var a = new ScaledTensor(inputs.Fp8(m, k, kMajorA), inputs.Scales(m, Blocks(k, 128)));
            var a4 = new ScaledTensor(
                inputs.Fp4(m + (m & 1), k, kMajorA),
                inputs.Scales(m + (m & 1), Blocks(k, 32)),
                IsFp4: true
            );
            var b = new ScaledTensor(
                inputs.Fp4(n, k, kMajorB),
                inputs.Scales(n, Blocks(k, 32)),
                IsFp4: true
            );
            var valuesB = ReferenceGemm.Values(b, false, new OperandRecipe(1, 32));
            var d = inputs.Output(DType.Float32, m, n);
            Gemm.Ops.Fp8GemmNT(a, b, d);
            ShouldBeFp8Product(
                d,
                ReferenceGemm.Values(a, false, new OperandRecipe(1, 128)),
                valuesB
            );

            var d4 = inputs.Output(DType.BFloat16, m + (m & 1), n);
            Gemm.Ops.Fp8GemmNT(a4, b, d4);
            ShouldBeFp8Product(
                d4,
                ReferenceGemm.Values(a4, false, new OperandRecipe(1, 32)),
                valuesB
            );
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(40)]
    public void Fp8Gemm_E5M2Operands_MatchesReference(int m)
    {
        const int N = 48;
        const int K = 272;
        var recipe = new ScaleRecipe(1, 1, 128);
        var inputs = new GemmInputs(m);
        foreach (var kMajor in new[] { true, false })
        {
            ScaledTensor[] left =
            [
                new(inputs.Fp8Wide(m, K, kMajor), inputs.Scales(m, 3)),
                new(inputs.Fp8(m, K, kMajor), inputs.ByteScales(m, 3)),
            ];
            ScaledTensor[] right =
            [
                new(inputs.Fp8Wide(N, K, kMajor), inputs.ByteScales(N, 3)),
                new(inputs.Fp8(N, K, kMajor), inputs.PackedScales(N, 1)),
            ];
            foreach (var a in left)
            foreach (var b in right)
            {
                var d = inputs.Output(DType.Float32, m, N);
                Gemm.Ops.Fp8GemmNT(a, b, d, new GemmCall { Recipe = recipe });
                ShouldBeFp8Product(
                    d,
                    ReferenceGemm.Values(a, false, new OperandRecipe(1, 128)),
                    ReferenceGemm.Values(b, false, new OperandRecipe(1, 128))
                );
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 128, false, false)]
    [InlineData(1, 1, 128, true, true)]
    [InlineData(1, 128, 128, true, false)]
    [InlineData(1, 1, 32, false, true)]
    [InlineData(1, 1, 64, true, true)]
    [InlineData(128, 128, 128, false, false)]
    public void Fp8Gemm_Recipes_MatchReference(
        int granM,
        int granN,
        int granK,
        bool packedA,
        bool packedB
    )
    {
        foreach (var m in new[] { 3, 130 })
        {
            const int N = 144;
            const int K = 656;
            var inputs = new GemmInputs(granK);
            var a = new ScaledTensor(
                inputs.Fp8(m, K),
                MakeScales(inputs, Blocks(m, granM), K, granK, packedA)
            );
            var b = new ScaledTensor(
                inputs.Fp8(N, K),
                MakeScales(inputs, Blocks(N, granN), K, granK, packedB)
            );
            var d = inputs.Output(DType.Float32, m, N);

            Gemm.Ops.Fp8GemmNT(
                a,
                b,
                d,
                new GemmCall { Recipe = new ScaleRecipe(granM, granN, granK) }
            );

            ShouldBeFp8Product(
                d,
                ReferenceGemm.Values(a, false, new OperandRecipe(granM, granK)),
                ReferenceGemm.Values(b, false, new OperandRecipe(granN, granK))
            );
        }
    }

    [Fact]
    public void Fp8Gemm_DifferentRecipesOfOperands_MatchesReference()
    {
        var inputs = new GemmInputs(3);
        var a = new ScaledTensor(inputs.Fp8(20, 288), inputs.Scales(20, 3));
        var b = new ScaledTensor(inputs.Fp8(48, 288), inputs.Scales(48, 9));
        var d = inputs.Output(DType.Float32, 20, 48);

        Gemm.Ops.Fp8GemmNT(
            a,
            b,
            d,
            new GemmCall { RecipeA = new OperandRecipe(1, 128), RecipeB = new OperandRecipe(1, 32) }
        );

        ShouldBeFp8Product(
            d,
            ReferenceGemm.Values(a, false, new OperandRecipe(1, 128)),
            ReferenceGemm.Values(b, false, new OperandRecipe(1, 32))
        );
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(40)]
    public void Gemm_RunTwentyTimes_IsBitwiseEqual(int m)
    {
        var inputs = new GemmInputs(9);
        var (a, b) = DefaultFp8(inputs, m, 264, 400);
        var d = inputs.Output(DType.Float32, m, 264);
        Gemm.Ops.Fp8GemmNT(a, b, d);
        var first = GemmCheck.Bytes(d);

        for (var i = 0; i < 20; i++)
        {
            Gemm.Ops.Fp8GemmNT(a, b, d);
            GemmCheck.Bytes(d).Should().Equal(first);
        }
    }

    [Fact]
    public void Gemm_OutputSlice_LeavesTheRestUntouched()
    {
        var inputs = new GemmInputs(4);
        var (a, b) = DefaultFp8(inputs, 20, 40, 128);
        var whole = Tensor<float>.Create([24, 96]);
        whole.Fill(7f);
        var d = whole.AsSlice(0, 2, 20).AsSlice(1, 16, 40);

        Gemm.Ops.Fp8GemmNT(a, b, d);

        for (var row = 0; row < 24; row++)
        {
            var values = whole.AsView().Row(row);
            if (row is < 2 or >= 22)
                values.ToArray().Should().OnlyContain(v => v == 7f);
            values[..16].ToArray().Should().OnlyContain(v => v == 7f);
            values[56..].ToArray().Should().OnlyContain(v => v == 7f);
        }
        ShouldBeFp8Product(d, Values(a, 1), Values(b, 128));
    }

    [Theory]
    [InlineData(0, 16, 128)]
    [InlineData(16, 0, 128)]
    public void Gemm_NoRowsOrColumns_WritesNothing(int m, int n, int k)
    {
        var inputs = new GemmInputs(5);
        var (a, b) = DefaultFp8(inputs, m, n, k);
        var d = Tensor<float>.Create([m, n]);

        Gemm.Ops.Fp8GemmNT(a, b, d);
        Gemm.Ops.Bf16GemmNT(inputs.BFloat16s(m, k), inputs.BFloat16s(n, k), d);

        d.ElementCount.Should().Be(0);
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Gemm_NoDepth_GivesAccumulateOrZeros(DType type)
    {
        var inputs = new GemmInputs(6);
        var (a, b) = DefaultFp8(inputs, 3, 24, 0);
        var d = inputs.Output(type, 3, 24);
        var c = inputs.Output(type, 3, 24);

        Gemm.Ops.Fp8GemmNT(a, b, d);
        GemmCheck.Values(d).Cast<double>().Should().OnlyContain(v => v == 0);

        Gemm.Ops.Fp8GemmNT(a, b, d, new GemmCall { Accumulate = c });
        GemmCheck.Values(d).Should().BeEquivalentTo(GemmCheck.Values(c));

        var before = GemmCheck.Values(d);
        Gemm.Ops.Bf16GemmNT(
            inputs.BFloat16s(3, 0),
            inputs.BFloat16s(24, 0),
            d,
            new GemmCall { Accumulate = d }
        );
        GemmCheck.Values(d).Should().BeEquivalentTo(before);
    }

    private static void ShouldBeFp8Product(Tensor d, double[,] a, double[,] b) =>
        GemmCheck.ShouldBeProduct(d, a, b, elementwise: Gemm.Fp8Elementwise);

    private static void CheckFp8(int m, int n, int k, GemmLayout layout, int variant)
    {
        var inputs = new GemmInputs(variant);
        var (ta, tb) = Transposed(layout);
        var a = new ScaledTensor(
            Oriented(ta, m, k, (r, c) => inputs.Fp8(r, c, (variant & 1) == 0)),
            Oriented(ta, m, Blocks(k, 128), inputs.Scales)
        );
        var b = new ScaledTensor(
            Oriented(tb, n, k, (r, c) => inputs.Fp8(r, c, (variant & 2) == 0)),
            Oriented(tb, Blocks(n, 128), Blocks(k, 128), inputs.Scales)
        );
        Check(
            inputs,
            m,
            n,
            variant,
            (d, call) => Gemm.Ops.Fp8Gemm(a, b, d, layout, call),
            ReferenceGemm.Values(a, ta, new OperandRecipe(1, 128)),
            ReferenceGemm.Values(b, tb, new OperandRecipe(128, 128)),
            $"FP8 {m}x{n}x{k} {layout} variant {variant}",
            Gemm.Fp8Elementwise
        );
    }

    private static void CheckBf16(int m, int n, int k, GemmLayout layout, int variant)
    {
        var inputs = new GemmInputs(variant);
        var (ta, tb) = Transposed(layout);
        var a = Oriented(ta, m, k, (r, c) => inputs.BFloat16s(r, c, (variant & 1) == 0));
        var b = Oriented(tb, n, k, (r, c) => inputs.BFloat16s(r, c, (variant & 2) == 0));
        Check(
            inputs,
            m,
            n,
            variant,
            (d, call) => Gemm.Ops.Bf16Gemm(a, b, d, layout, call),
            ReferenceGemm.Values(a, ta),
            ReferenceGemm.Values(b, tb),
            $"BF16 {m}x{n}x{k} {layout} variant {variant}"
        );
    }

    private static void Check(
        GemmInputs inputs,
        int m,
        int n,
        int variant,
        Action<Tensor, GemmCall> multiply,
        double[,] a,
        double[,] b,
        string because,
        double? elementwise = null
    )
    {
        var type = (variant & 4) == 0 ? DType.Float32 : DType.BFloat16;
        var d = inputs.Output(type, m, n);
        var call = new GemmCall();
        double[,]? accumulated = null;
        double[]? added = null;
        if ((variant & 8) != 0)
        {
            // In place, or with a C of its own.
            var c = (variant & 16) == 0 ? d : inputs.Output(type, m, n);
            accumulated = GemmCheck.Values(c);
            call = call with { Accumulate = c };
        }
        if (variant % 3 == 1)
        {
            var bias = inputs.Output((variant & 1) == 0 ? DType.Float32 : DType.BFloat16, 1, n);
            var row = bias.AsSelected(0, 0);
            added = [.. GemmCheck.Values(bias).Cast<double>()];
            call = call with { Bias = row };
        }

        multiply(d, call);

        GemmCheck.ShouldBeProduct(d, a, b, accumulated, added, because, elementwise);
    }

    private static IEnumerable<(int M, int N, int K)> Shapes(GemmLayout layout)
    {
        var index = 2 * (int)layout;
        foreach (var m in s_m)
        foreach (var n in s_n)
        foreach (var k in s_k)
            // Every layout sees an eighth of the shapes, a different one of each size; small ones go through all.
            if (index++ % 8 == 0 || m * n * k < 4000)
                yield return (m, n, k);
    }

    private static (bool A, bool B) Transposed(GemmLayout layout) =>
        (layout is GemmLayout.TN or GemmLayout.TT, layout is GemmLayout.NN or GemmLayout.TN);

    private static Tensor Oriented<T>(bool transposed, long rows, long k, Func<long, long, T> make)
        where T : Tensor => transposed ? make(k, rows) : make(rows, k);

    private static (ScaledTensor A, ScaledTensor B) DefaultFp8(
        GemmInputs inputs,
        int m,
        int n,
        int k
    ) =>
        (
            new(inputs.Fp8(m, k), inputs.Scales(m, Blocks(k, 128))),
            new(inputs.Fp8(n, k), inputs.Scales(Blocks(n, 128), Blocks(k, 128)))
        );

    private static double[,] Values(ScaledTensor tensor, int granMn) =>
        ReferenceGemm.Values(tensor, false, new OperandRecipe(granMn, 128));

    private static Tensor MakeScales(GemmInputs inputs, long rows, int k, int granK, bool packed) =>
        packed
            ? inputs.PackedScales(rows, Blocks(k, 4 * granK))
            : inputs.Scales(rows, Blocks(k, granK));

    private static long Blocks(long extent, int granularity) =>
        (extent + granularity - 1) / granularity;
}
