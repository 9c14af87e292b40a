// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Numerics;

/// <summary>The scalar twin of <see cref="SimdMath{S,VF,VU}"/>, bit-equal to it, and the constants of both.</summary>
internal static class Exponential
{
    /// <summary>1.5 × 2^23: adding it rounds to an integer and leaves that integer in the low bits.</summary>
    public const float Magic = 12582912f;

    // Beyond these the results are 0 and infinity.
    public const float Exp2Low = -160f;
    public const float Exp2High = 130f;
    public const float ExpLow = -110f;
    public const float ExpHigh = 90f;

    public const float Log2E = 1.44269504f;

    // ln 2 in two parts; the first has few bits, so that its products with the exponent are exact.
    public const float Ln2High = 0.693359375f;
    public const float Ln2Low = -2.12194440e-4f;

    public const float Exp2C1 = 0.693147215f;
    public const float Exp2C2 = 0.2402265278f;
    public const float Exp2C3 = 0.05550310551f;
    public const float Exp2C4 = 0.009617692984f;
    public const float Exp2C5 = 0.001340664381f;
    public const float Exp2C6 = 0.0001559467468f;

    public const float ExpC1 = 1.00000005f;
    public const float ExpC2 = 0.5000000434f;
    public const float ExpC3 = 0.1666636544f;
    public const float ExpC4 = 0.04166477734f;
    public const float ExpC5 = 0.0083790111f;
    public const float ExpC6 = 0.001406123781f;

    public static float Exp2(float x)
    {
        if (float.IsNaN(x))
            return x;
        x = Math.Clamp(x, Exp2Low, Exp2High);
        var shifted = x + Magic;
        var f = x - (shifted - Magic);
        var p = float.MultiplyAddEstimate(Exp2C6, f, Exp2C5);
        p = float.MultiplyAddEstimate(p, f, Exp2C4);
        p = float.MultiplyAddEstimate(p, f, Exp2C3);
        p = float.MultiplyAddEstimate(p, f, Exp2C2);
        p = float.MultiplyAddEstimate(p, f, Exp2C1);
        return Scale(float.MultiplyAddEstimate(p, f, 1f), shifted);
    }

    public static float Exp(float x)
    {
        if (float.IsNaN(x))
            return x;
        x = Math.Clamp(x, ExpLow, ExpHigh);
        var shifted = float.MultiplyAddEstimate(x, Log2E, Magic);
        var n = shifted - Magic;
        var f = float.MultiplyAddEstimate(n, -Ln2High, x);
        f = float.MultiplyAddEstimate(n, -Ln2Low, f);
        var p = float.MultiplyAddEstimate(ExpC6, f, ExpC5);
        p = float.MultiplyAddEstimate(p, f, ExpC4);
        p = float.MultiplyAddEstimate(p, f, ExpC3);
        p = float.MultiplyAddEstimate(p, f, ExpC2);
        p = float.MultiplyAddEstimate(p, f, ExpC1);
        return Scale(float.MultiplyAddEstimate(p, f, 1f), shifted);
    }

    public static float Sigmoid(float x) => 1f / (1f + Exp(-x));

    public static float Silu(float x) => x / (1f + Exp(-x));

    private static float Scale(float value, float shifted)
    {
        var n = BitConverter.SingleToInt32Bits(shifted) - BitConverter.SingleToInt32Bits(Magic);
        var first = n >> 1;
        return value
            * BitConverter.Int32BitsToSingle((first + 127) << 23)
            * BitConverter.Int32BitsToSingle((n - first + 127) << 23);
    }
}
