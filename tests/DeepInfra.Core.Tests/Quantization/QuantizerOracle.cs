// SPDX-License-Identifier: MIT
using DeepInfra.Core.Quantization;

namespace DeepInfra.Core.Tests.Quantization;

/// <summary>Quantisation of one block straight from its definition, element by element.</summary>
internal static class QuantizerOracle
{
    public static (float Scale, byte Exponent, byte[] Codes) Block(
        float[] values,
        float max,
        bool ue8m0,
        Func<float, byte> encode,
        ScaleRule rule = ScaleRule.Divide
    )
    {
        var amax = 1e-4f;
        foreach (var value in values)
            amax =
                float.IsNaN(value) || float.IsNaN(amax)
                    ? float.NaN
                    : Math.Max(amax, Math.Abs(value));
        var scale = rule == ScaleRule.Divide ? amax / max : amax * (1 / max);
        var factor = rule == ScaleRule.Divide ? 1 / scale : max / amax;
        var exponent = Float8.ScaleCeil(scale);
        if (ue8m0)
        {
            scale = (float)exponent;
            factor = 1 / scale;
        }
        if (float.IsNaN(scale))
            scale = BitConverter.UInt32BitsToSingle(0x7FC0_0000);
        return (scale, exponent.Bits, [.. values.Select(v => encode(v * factor))]);
    }

    public static byte E4M3(float value) => ((Float8E4M3)value).Bits;

    public static byte E5M2(float value) => ((Float8E5M2)value).Bits;

    public static byte E2M1(float value) => ((Float4E2M1)value).Bits;

    public static byte E2M1HalfDown(float value) =>
        Float4E2M1.FromSingle(value, Fp4Rounding.HalfDown).Bits;
}
