// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Testing;

/// <summary>Conversion of any numeric element type to and from <see cref="double"/>; slow and obvious.</summary>
public static class ElementConvert
{
    public static double ToDouble<T>(T value)
        where T : unmanaged =>
        (object)value switch
        {
            float v => v,
            double v => v,
            Half v => (double)v,
            BFloat16 v => (float)v,
            Float8E4M3 v => (float)v,
            Float8E5M2 v => (float)v,
            Float8E8M0 v => (float)v,
            IConvertible v => v.ToDouble(null),
            _ => throw new NotSupportedException($"{typeof(T)} is not a number."),
        };

    public static T From<T>(double value)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            return (T)(object)(float)value;
        if (typeof(T) == typeof(double))
            return (T)(object)value;
        if (typeof(T) == typeof(Half))
            return (T)(object)(Half)value;
        if (typeof(T) == typeof(BFloat16))
            return (T)(object)(BFloat16)(float)value;
        if (typeof(T) == typeof(Float8E4M3))
            return (T)(object)(Float8E4M3)(float)value;
        if (typeof(T) == typeof(Float8E5M2))
            return (T)(object)(Float8E5M2)(float)value;
        throw new NotSupportedException($"{typeof(T)} is not a floating-point element type.");
    }

    public static double[] ToDoubles<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var result = new double[values.Length];
        for (var i = 0; i < values.Length; i++)
            result[i] = ToDouble(values[i]);
        return result;
    }
}
