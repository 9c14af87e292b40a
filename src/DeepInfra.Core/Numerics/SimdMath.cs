// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// Elementary functions of one vector at any width: range reduction to |f| ≤ 1/2 (in powers of two), a minimax
/// polynomial of degree 6 (relative error 3e-9) and one scaling by a power of two. Within 2 ulp over the whole
/// range, subnormal results included; -infinity gives 0, overflow infinity, NaN stays NaN.
/// </summary>
/// <typeparam name="S">The width.</typeparam>
/// <typeparam name="VF">Its vector of binary32.</typeparam>
/// <typeparam name="VU">Its vector of 32-bit integers.</typeparam>
internal static class SimdMath<S, VF, VU>
    where S : struct, ISimd<VF, VU>
    where VF : struct
    where VU : struct
{
    /// <summary>2^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Exp2(VF x)
    {
        // The limits come first: the operand order of Max and Min then lets NaN through.
        x = S.Min(S.Create(Exponential.Exp2High), S.Max(S.Create(Exponential.Exp2Low), x));
        var magic = S.Create(Exponential.Magic);
        var shifted = S.Add(x, magic);
        var n = S.Subtract(shifted, magic);
        var f = S.Subtract(x, n);
        var p = S.Create(Exponential.Exp2C6);
        p = S.MultiplyAdd(p, f, S.Create(Exponential.Exp2C5));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.Exp2C4));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.Exp2C3));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.Exp2C2));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.Exp2C1));
        p = S.MultiplyAdd(p, f, S.Create(1f));
        return S.Scale(p, n, S.Subtract(S.AsUInt(shifted), S.AsUInt(magic)));
    }

    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Exp(VF x)
    {
        x = S.Min(S.Create(Exponential.ExpHigh), S.Max(S.Create(Exponential.ExpLow), x));
        var magic = S.Create(Exponential.Magic);
        var shifted = S.MultiplyAdd(x, S.Create(Exponential.Log2E), magic);
        var n = S.Subtract(shifted, magic);
        var f = S.MultiplyAdd(n, S.Create(-Exponential.Ln2High), x);
        f = S.MultiplyAdd(n, S.Create(-Exponential.Ln2Low), f);
        var p = S.Create(Exponential.ExpC6);
        p = S.MultiplyAdd(p, f, S.Create(Exponential.ExpC5));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.ExpC4));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.ExpC3));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.ExpC2));
        p = S.MultiplyAdd(p, f, S.Create(Exponential.ExpC1));
        p = S.MultiplyAdd(p, f, S.Create(1f));
        return S.Scale(p, n, S.Subtract(S.AsUInt(shifted), S.AsUInt(magic)));
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Sigmoid(VF x)
    {
        var minusX = S.AsFloat(S.Xor(S.AsUInt(x), S.Create(0x8000_0000u)));
        var one = S.Create(1f);
        return S.Divide(one, S.Add(one, Exp(minusX)));
    }

    /// <summary>x / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Silu(VF x)
    {
        var minusX = S.AsFloat(S.Xor(S.AsUInt(x), S.Create(0x8000_0000u)));
        return S.Divide(x, S.Add(S.Create(1f), Exp(minusX)));
    }
}
