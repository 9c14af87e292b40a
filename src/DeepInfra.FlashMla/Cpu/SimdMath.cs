// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Elementary functions over any SIMD tier.</summary>
internal static class SimdMath
{
    /// <summary>log2(e).</summary>
    public const double Log2E = 1.4426950408889634;

    /// <summary>ln(2).</summary>
    public const double Ln2 = 0.6931471805599453;

    /// <summary>
    /// 2^x for x &lt;= 127, within 2 units in the last place; 0 below -126.5 (so for -inf too), NaN for NaN. The argument
    /// is split into an integer and a rest in [-0.5, 0.5], whose power is the polynomial of degree 6 through the Chebyshev nodes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TSimd, TVector>(TVector x)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        x = TSimd.Max(TSimd.Broadcast(-127), x);
        var n = TSimd.Round(x);
        var f = TSimd.Subtract(x, n);
        var p = TSimd.Broadcast(1.546144470e-4f);
        p = TSimd.Fma(p, f, TSimd.Broadcast(1.340042818e-3f));
        p = TSimd.Fma(p, f, TSimd.Broadcast(9.618056679e-3f));
        p = TSimd.Fma(p, f, TSimd.Broadcast(5.550327227e-2f));
        p = TSimd.Fma(p, f, TSimd.Broadcast(2.402265092e-1f));
        p = TSimd.Fma(p, f, TSimd.Broadcast(6.931472067e-1f));
        p = TSimd.Fma(p, f, TSimd.Broadcast(1));
        return TSimd.Multiply(p, TSimd.Pow2(n));
    }
}
