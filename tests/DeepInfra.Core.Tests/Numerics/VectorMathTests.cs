// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Tests.Numerics;

public class VectorMathTests
{
    private delegate void Function(
        ReadOnlySpan<float> source,
        Span<float> destination,
        SimdTier? tier
    );

    public static TheoryData<SimdTier> Tiers => SimdTiers.Theory;

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Exp2_WholeRange_WithinTwoUlp(SimdTier tier) =>
        MaxUlp(VectorMath.Exp2, x => Math.Pow(2, x), Sweep(-155, 129), tier)
            .Should()
            .BeLessThanOrEqualTo(2);

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Exp_WholeRange_WithinTwoUlp(SimdTier tier) =>
        MaxUlp(VectorMath.Exp, Math.Exp, Sweep(-106, 89.5f), tier).Should().BeLessThanOrEqualTo(2);

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Sigmoid_WholeRange_WithinFourUlp(SimdTier tier) =>
        MaxUlp(VectorMath.Sigmoid, x => 1 / (1 + Math.Exp(-x)), Sweep(-85, 100), tier)
            .Should()
            .BeLessThanOrEqualTo(4);

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Silu_WholeRange_WithinFourUlp(SimdTier tier) =>
        MaxUlp(VectorMath.Silu, x => x / (1 + Math.Exp(-x)), Sweep(-80, 100), tier)
            .Should()
            .BeLessThanOrEqualTo(4);

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Functions_SpecialValues_AreExact(SimdTier tier)
    {
        float[] x =
        [
            float.NegativeInfinity,
            float.PositiveInfinity,
            float.NaN,
            0,
            -0f,
            1,
            -1,
            -1e30f,
            1e30f,
            500,
            -500,
        ];

        Apply(VectorMath.Exp2, x, tier)
            .Should()
            .Equal(
                0,
                float.PositiveInfinity,
                float.NaN,
                1,
                1,
                2,
                0.5f,
                0,
                float.PositiveInfinity,
                float.PositiveInfinity,
                0
            );
        var exp = Apply(VectorMath.Exp, x, tier);
        exp[0].Should().Be(0);
        exp[1].Should().Be(float.PositiveInfinity);
        float.IsNaN(exp[2]).Should().BeTrue();
        exp[3].Should().Be(1);
        exp[7].Should().Be(0);
        exp[8].Should().Be(float.PositiveInfinity);
        var sigmoid = Apply(VectorMath.Sigmoid, x, tier);
        sigmoid[0].Should().Be(0);
        sigmoid[1].Should().Be(1);
        sigmoid[3].Should().Be(0.5f);
        Apply(VectorMath.Silu, x, tier)[3..5].Should().Equal(0, 0);
    }

    [Fact]
    public void Functions_AllTiers_AreBitEqual()
    {
        float[] x = [.. FloatInputs.Edges, .. Sweep(-160, 160)];
        Function[] functions =
        [
            VectorMath.Exp2,
            VectorMath.Exp,
            VectorMath.Sigmoid,
            VectorMath.Silu,
        ];

        foreach (var function in functions)
        {
            var expected = Apply(function, x, SimdTier.Reference);
            foreach (var tier in SimdTiers.Supported)
                Apply(function, x, tier).Should().Equal(expected, (a, b) => a.Equals(b));
        }
    }

    [Fact]
    public void Exp_InPlace_Works()
    {
        float[] x = [.. Enumerable.Range(0, 37).Select(i => i * 0.25f)];
        var expected = Apply(VectorMath.Exp, x, null);

        VectorMath.Exp(x, x);

        x.Should().Equal(expected);
    }

    private static float[] Sweep(float from, float to)
    {
        var random = new Random(17);
        return
        [
            .. Enumerable.Range(0, 50_000).Select(_ => from + (to - from) * random.NextSingle()),
        ];
    }

    private static float[] Apply(Function function, float[] x, SimdTier? tier)
    {
        var result = new float[x.Length];
        function(x, result, tier);
        return result;
    }

    private static double MaxUlp(
        Function function,
        Func<double, double> exact,
        float[] x,
        SimdTier tier
    )
    {
        var result = Apply(function, x, tier);
        double worst = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var expected = exact(x[i]);
            if (Math.Abs(expected) > float.MaxValue && float.IsInfinity(result[i]))
                continue;
            var magnitude = Math.Max(Math.Abs(expected), Math.Pow(2, -126));
            var ulp = Math.Pow(2, Math.Floor(Math.Log2(magnitude)) - 23);
            worst = Math.Max(worst, Math.Abs(result[i] - expected) / ulp);
        }
        return worst;
    }
}
