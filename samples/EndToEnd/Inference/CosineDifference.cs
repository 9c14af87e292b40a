// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference;

/// <summary>How far two sets of values are apart: 1 - 2⟨x,y⟩/(⟨x,x⟩+⟨y,y⟩), and the largest difference of a value.</summary>
internal sealed class CosineDifference
{
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
