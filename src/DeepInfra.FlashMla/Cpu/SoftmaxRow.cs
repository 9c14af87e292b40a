// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Running softmax of one query row: maximum in log2 units, sum, and the update with a tile of scores.</summary>
internal static unsafe class SoftmaxRow
{
    /// <summary>
    /// Turns the first <paramref name="visible"/> scores of a row of <paramref name="width"/> into exp2(scale·score - max),
    /// sets the others to 0, and updates the maximum and the sum.
    /// </summary>
    /// <param name="scores">The row; <paramref name="width"/> is a multiple of 16.</param>
    /// <param name="visible">Keys this row sees; scores behind it are never used in arithmetic that reaches a result.</param>
    /// <param name="width">Row length.</param>
    /// <param name="scale">Softmax scale times log2(e).</param>
    /// <param name="max">Running maximum, -infinity at the start.</param>
    /// <param name="sum">Running sum.</param>
    /// <returns>The factor by which earlier results shrink.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Update<TSimd, TVector>(
        float* scores,
        int visible,
        int width,
        float scale,
        ref float max,
        ref float sum
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (visible <= 0)
        {
            new Span<float>(scores, width).Clear();
            return 1;
        }
        // Selection, not a bias: whatever stands in masked places is overwritten.
        var factor = TSimd.Broadcast(scale);
        for (var i = 0; i < width; i += TSimd.Count)
            TSimd.Store(TSimd.Multiply(TSimd.Load(scores + i), factor), scores + i);
        for (var i = visible; i < width; i++)
            scores[i] = float.NegativeInfinity;
        var rowMax = TSimd.Load(scores);
        for (var i = TSimd.Count; i < width; i += TSimd.Count)
            rowMax = TSimd.Max(rowMax, TSimd.Load(scores + i));
        var newMax = MathF.Max(max, TSimd.HorizontalMax(rowMax));
        // All visible scores at -infinity contribute nothing; subtracting the maximum would make NaN.
        var reference = float.IsNegativeInfinity(newMax) ? 0 : newMax;
        var shift = TSimd.Broadcast(reference);
        var total = TSimd.Zero;
        for (var i = 0; i < width; i += TSimd.Count)
        {
            var p = SimdMath.Exp2<TSimd, TVector>(TSimd.Subtract(TSimd.Load(scores + i), shift));
            total = TSimd.Add(total, p);
            TSimd.Store(p, scores + i);
        }
        var shrink = max == newMax ? 1 : SimdMath.Exp2<SimdScalar, float>(max - reference);
        max = newMax;
        sum = sum * shrink + TSimd.Sum(total);
        return shrink;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale<TSimd, TVector>(float* row, int columns, float factor)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var f = TSimd.Broadcast(factor);
        for (var i = 0; i < columns; i += TSimd.Count)
            TSimd.Store(TSimd.Multiply(TSimd.Load(row + i), f), row + i);
    }
}
