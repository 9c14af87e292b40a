// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference.Agreement;

/// <summary>1 - 2 Σxy / Σ(x² + y²) over all rows that were added: the measure in which attention kernels state their tolerance.</summary>
internal sealed class Difference
{
    private double _distance;
    private double _squares;

    /// <summary>0 if all is 0; infinite if anything is no number.</summary>
    public double Value =>
        _squares == 0 ? 0
        : double.IsFinite(_squares) ? _distance / _squares
        : double.PositiveInfinity;

    public void Add(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        for (var i = 0; i < actual.Length; i++)
        {
            double x = actual[i],
                y = expected[i];
            _distance += (x - y) * (x - y);
            _squares += x * x + y * y;
        }
    }

    public static Difference Sum(IEnumerable<Difference> parts)
    {
        var sum = new Difference();
        foreach (var part in parts)
        {
            sum._distance += part._distance;
            sum._squares += part._squares;
        }
        return sum;
    }
}
