// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference;

/// <summary>Compares attention results by the cosine measure and limit of decode kernels with BFloat16 results.</summary>
internal sealed class AttentionDifference
{
    public const double CosineLimit = 5e-6;

    private double _product;
    private double _squares;

    public double Largest { get; private set; }

    /// <summary>Not a number, which is below no limit, if nothing but zeros was compared.</summary>
    public double Cosine => 1 - 2 * _product / _squares;

    public void Add(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(actual.Length, expected.Length);
        for (var i = 0; i < actual.Length; i++)
        {
            double a = actual[i],
                e = expected[i];
            Largest = Math.Max(Largest, Math.Abs(a - e));
            _product += a * e;
            _squares += a * a + e * e;
        }
    }
}
