// SPDX-License-Identifier: MIT
namespace DeepInfra.Testing;

/// <summary>Distances between a result and its reference, computed in binary64 over all elements.</summary>
public static class Metrics
{
    /// <summary>1 - 2 Σxy / Σ(x² + y²), the cosine-style difference; 0 when the denominator is 0.</summary>
    public static double Difference<TX, TY>(ReadOnlySpan<TX> x, ReadOnlySpan<TY> y)
        where TX : unmanaged
        where TY : unmanaged => ShiftedBy(x, y, 0);

    /// <summary>The difference of x + 1 and y + 1, which stays meaningful where both are near zero.</summary>
    public static double ShiftedDifference<TX, TY>(ReadOnlySpan<TX> x, ReadOnlySpan<TY> y)
        where TX : unmanaged
        where TY : unmanaged => ShiftedBy(x, y, 1);

    /// <summary>max |x - y| over elements that are finite in both.</summary>
    public static double MaxAbsolute<TX, TY>(ReadOnlySpan<TX> x, ReadOnlySpan<TY> y)
        where TX : unmanaged
        where TY : unmanaged
    {
        CheckLengths(x.Length, y.Length);
        double worst = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var (a, b) = (ElementConvert.ToDouble(x[i]), ElementConvert.ToDouble(y[i]));
            if (double.IsFinite(a) && double.IsFinite(b))
                worst = Math.Max(worst, Math.Abs(a - b));
        }
        return worst;
    }

    /// <summary>max |x - y| / (|y| + 1e-6) over elements that are finite in both.</summary>
    public static double MaxRelative<TX, TY>(ReadOnlySpan<TX> x, ReadOnlySpan<TY> y)
        where TX : unmanaged
        where TY : unmanaged
    {
        CheckLengths(x.Length, y.Length);
        double worst = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var (a, b) = (ElementConvert.ToDouble(x[i]), ElementConvert.ToDouble(y[i]));
            if (double.IsFinite(a) && double.IsFinite(b))
                worst = Math.Max(worst, Math.Abs(a - b) / (Math.Abs(b) + 1e-6));
        }
        return worst;
    }

    /// <summary>Index of the first element where only one is NaN or they are not the same infinity; -1 if none.</summary>
    public static int FirstSpecialMismatch<TX, TY>(ReadOnlySpan<TX> x, ReadOnlySpan<TY> y)
        where TX : unmanaged
        where TY : unmanaged
    {
        CheckLengths(x.Length, y.Length);
        for (var i = 0; i < x.Length; i++)
        {
            var (a, b) = (ElementConvert.ToDouble(x[i]), ElementConvert.ToDouble(y[i]));
            if (double.IsFinite(a) && double.IsFinite(b))
                continue;
            if (!a.Equals(b))
                return i;
        }
        return -1;
    }

    private static double ShiftedBy<TX, TY>(ReadOnlySpan<TX> x, ReadOnlySpan<TY> y, double shift)
        where TX : unmanaged
        where TY : unmanaged
    {
        CheckLengths(x.Length, y.Length);
        double product = 0,
            squares = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var a = ElementConvert.ToDouble(x[i]) + shift;
            var b = ElementConvert.ToDouble(y[i]) + shift;
            // Matching NaN and infinities are checked elsewhere; here they would hide everything else.
            if (!double.IsFinite(a) && a.Equals(b))
                continue;
            product += a * b;
            squares += a * a + b * b;
        }
        return squares == 0 ? 0 : 1 - 2 * product / squares;
    }

    private static void CheckLengths(int x, int y)
    {
        if (x != y)
            throw new ArgumentException($"y: expected {x} elements, got {y}", nameof(y));
    }
}
