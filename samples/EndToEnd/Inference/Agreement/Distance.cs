// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference.Agreement;

/// <summary>Distances of rows, in float64.</summary>
internal static class Distance
{
    /// <summary>|actual - expected| / |expected|; infinite if that is no number.</summary>
    public static double Relative(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(actual.Length, expected.Length);
        double difference = 0,
            square = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var d = (double)actual[i] - expected[i];
            difference += d * d;
            square += (double)expected[i] * expected[i];
        }
        return Sound(Math.Sqrt(difference / square));
    }

    /// <inheritdoc cref="Relative(ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public static double Relative(ReadOnlySpan<float> actual, ReadOnlySpan<double> expected)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(actual.Length, expected.Length);
        double difference = 0,
            square = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var d = actual[i] - expected[i];
            difference += d * d;
            square += expected[i] * expected[i];
        }
        return Sound(Math.Sqrt(difference / square));
    }

    public static double Rms(IEnumerable<double> values) =>
        Sound(Math.Sqrt(values.Select(v => v * v).DefaultIfEmpty(double.NaN).Average()));

    // Not a number is below no limit, but a maximum would lose it.
    private static double Sound(double value) =>
        double.IsNaN(value) ? double.PositiveInfinity : value;
}
