// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using FluentAssertions;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>
/// An element passes if its absolute error is below <paramref name="Absolute"/> or its relative error below
/// <paramref name="Relative"/>; the whole tensor must also stay below a cosine difference of <paramref name="Cosine"/>.
/// </summary>
public sealed record MlaTolerance(double Absolute, double Relative, double Cosine)
{
    public static MlaTolerance DecodeOut { get; } = new(8e-4, 2.01 / 128, 5e-6);

    public static MlaTolerance PrefillOut { get; } = new(1e-3, 8.01 / 128, 7e-6);

    public static MlaTolerance Cpu { get; } = new(2e-5, 2e-5, 1e-9);

    public static MlaTolerance LogSumExp { get; } = new(1e-6, 1e-5, 1e-9);

    public void Check(Tensor actual, Tensor<double> expected, string what)
    {
        (actual.Shape == expected.Shape)
            .Should()
            .BeTrue($"{what}: {actual.Shape} must equal {expected.Shape}");
        double dot = 0;
        double squares = 0;
        double reference = 0;
        var indices = new long[expected.Rank];
        for (long i = 0; i < expected.ElementCount; i++)
        {
            var rest = i;
            for (var d = expected.Rank - 1; d >= 0; d--)
            {
                indices[d] = rest % expected.Shape[d];
                rest /= expected.Shape[d];
            }
            var e = expected[indices];
            var a = Get(actual, indices);
            if (!double.IsFinite(e))
            {
                a.Should().Be(e, $"{what} at [{string.Join(',', indices)}]");
                continue;
            }
            var error = Math.Abs(a - e);
            if (!(error < Absolute || error < Relative * (Math.Abs(e) + 1e-6)))
                a.Should().BeApproximately(e, Absolute, $"{what} at [{string.Join(',', indices)}]");
            dot += a * e;
            squares += a * a + e * e;
            reference += e * e;
        }
        if (reference >= 1e-12)
            (1 - 2 * dot / squares).Should().BeLessThan(Cosine, what);
    }

    private static double Get(Tensor tensor, long[] indices) =>
        tensor switch
        {
            Tensor<float> t => t[indices],
            Tensor<BFloat16> t => (float)t[indices],
            Tensor<Half> t => (double)t[indices],
            Tensor<double> t => t[indices],
            _ => throw new NotSupportedException($"{tensor.DType}"),
        };
}
