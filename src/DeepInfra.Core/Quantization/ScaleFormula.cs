// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>Scales from largest magnitudes; see <see cref="ScaleRule"/>.</summary>
internal readonly struct ScaleFormula(ScaleRule rule, bool powerOfTwo)
{
    private const float Smallest = 1e-4f;

    /// <param name="amax">Bits of the largest magnitudes; NaN compares highest.</param>
    /// <param name="scale">The scale; a NaN in the block gives the NaN 0x7FC00000, or 2^127 as power of two.</param>
    /// <param name="factor">What values are multiplied with.</param>
    /// <param name="exponent">The exponent code of the scale rounded up.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Compute<S, VF, VU, TFormat>(VU amax, out VF scale, out VF factor, out VU exponent)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where TFormat : struct, ICodeFormat
    {
        amax = S.Max(amax, S.Create(BitConverter.SingleToUInt32Bits(Smallest)));
        var magnitude = S.AsFloat(amax);
        var max = S.Create(TFormat.Max);
        scale =
            rule == ScaleRule.Divide
                ? S.Divide(magnitude, max)
                : S.Multiply(magnitude, S.Create(1f / TFormat.Max));
        exponent = SimdCodec<S, VF, VU>.ScaleCeil(scale);
        if (powerOfTwo)
        {
            scale = S.AsFloat(S.ShiftLeft(exponent, 23));
            factor = S.Divide(S.Create(1f), scale);
            return;
        }
        var isNaN = S.GreaterThan(amax, S.Create(MiniFloat.InfinityBits));
        scale = S.AsFloat(S.Select(isNaN, S.Create(MiniFloat.QuietNaNBits), S.AsUInt(scale)));
        factor =
            rule == ScaleRule.Divide ? S.Divide(S.Create(1f), scale) : S.Divide(max, magnitude);
    }
}
