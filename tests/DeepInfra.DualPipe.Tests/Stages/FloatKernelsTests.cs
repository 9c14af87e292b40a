// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;

namespace DeepInfra.DualPipe.Tests.Stages;

public sealed class FloatKernelsTests
{
    private const double KernelTolerance = 1e-5;
    private const double CdfTolerance = 2e-7;

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 5, 7)]
    [InlineData(4, 16, 33)]
    [InlineData(2, 40, 64)]
    public void Products_AnyShape_MatchFloat64(int rows, int columns, int inner)
    {
        var random = new Random(3);
        var a = Values(random, rows * inner);
        var bt = Values(random, columns * inner);
        var b = new float[inner * columns];
        for (var j = 0; j < columns; j++)
        {
            for (var k = 0; k < inner; k++)
            {
                b[(k * columns) + j] = bt[(j * inner) + k];
            }
        }

        var transposed = new float[rows * columns];
        var plain = new float[rows * columns];
        FloatKernels.MultiplyTransposed(a, bt, transposed, rows, columns, inner);
        FloatKernels.Multiply(a, b, plain, rows, columns, inner);

        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                var expected = 0.0;
                for (var k = 0; k < inner; k++)
                {
                    expected += (double)a[(i * inner) + k] * b[(k * columns) + j];
                }

                transposed[(i * columns) + j]
                    .Should()
                    .BeApproximately((float)expected, (float)KernelTolerance);
                plain[(i * columns) + j]
                    .Should()
                    .BeApproximately((float)expected, (float)KernelTolerance);
            }
        }
    }

    [Fact]
    public void AccumulateOuter_AddsTheTransposedProduct()
    {
        float[] a = [1, 2, 3, 4, 5, 6];
        float[] b = [1, 10, 100, 1000, 10000, 100000];
        float[] c = [7, 0, 0, 0];

        FloatKernels.AccumulateOuter(a, b, c, new float[2], rows: 3, outer: 2, columns: 2);

        c.Should()
            .Equal(7 + 1 + 300 + 50000, 10 + 3000 + 500000, 2 + 400 + 60000, 20 + 4000 + 600000);
    }

    [Fact]
    public void NormalCdf_WholeRange_MatchesSeries()
    {
        for (var x = -8.0; x <= 8.0; x += 0.01)
        {
            var actual = FloatKernels.NormalCdf((float)x, out var density);

            ((double)actual).Should().BeApproximately(Phi((float)x), CdfTolerance);
            ((double)density)
                .Should()
                .BeApproximately(
                    Math.Exp(-0.5 * (float)x * (float)x) / Math.Sqrt(2 * Math.PI),
                    CdfTolerance
                );
        }

        // Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...), which converges everywhere.
        static double Phi(double x)
        {
            var term = x;
            var sum = x;
            for (var n = 1; n < 400; n++)
            {
                term *= x * x / ((2 * n) + 1);
                sum += term;
            }

            return 0.5 + (sum * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI));
        }
    }

    [Fact]
    public void BFloat16_RoundTrip_RoundsToNearestEven()
    {
        float[] values = [1f, 1.00390625f, 1.01171875f, float.PositiveInfinity, float.NaN, -0f];
        var bits = new ushort[values.Length];
        var back = new float[values.Length];

        FloatKernels.ToBFloat16(values, bits);
        FloatKernels.FromBFloat16(bits, back);

        back.Should().Equal(1f, 1f, 1.015625f, float.PositiveInfinity, float.NaN, -0f);
    }

    private static float[] Values(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2) - 1))];
}
