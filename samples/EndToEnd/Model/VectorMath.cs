// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EndToEnd.Model;

/// <summary>
/// Element-wise loops of the model. Sums run in a fixed order (sixteen lanes, then a tree), so results do not
/// depend on threads.
/// </summary>
internal static class VectorMath
{
    private static readonly int s_lanes = Vector512<float>.Count;

    /// <summary>target += source.</summary>
    public static void Add(Span<float> target, ReadOnlySpan<float> source) =>
        AddScaled(target, source, 1);

    /// <summary>target += factor * source.</summary>
    public static void AddScaled(Span<float> target, ReadOnlySpan<float> source, float factor)
    {
        ref var to = ref MemoryMarshal.GetReference(target);
        ref var from = ref MemoryMarshal.GetReference(source[..target.Length]);
        var i = 0;
        var scale = Vector512.Create(factor);
        for (; i <= target.Length - s_lanes; i += s_lanes)
        {
            var sum = Vector512.FusedMultiplyAdd(
                Vector512.LoadUnsafe(ref from, (nuint)i),
                scale,
                Vector512.LoadUnsafe(ref to, (nuint)i)
            );
            sum.StoreUnsafe(ref to, (nuint)i);
        }
        for (; i < target.Length; i++)
            target[i] = MathF.FusedMultiplyAdd(source[i], factor, target[i]);
    }

    /// <summary>target = factor * source.</summary>
    public static void Scale(Span<float> target, ReadOnlySpan<float> source, float factor)
    {
        ref var to = ref MemoryMarshal.GetReference(target);
        ref var from = ref MemoryMarshal.GetReference(source[..target.Length]);
        var i = 0;
        for (; i <= target.Length - s_lanes; i += s_lanes)
            (Vector512.LoadUnsafe(ref from, (nuint)i) * factor).StoreUnsafe(ref to, (nuint)i);
        for (; i < target.Length; i++)
            target[i] = factor * source[i];
    }

    public static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref var left = ref MemoryMarshal.GetReference(a);
        ref var right = ref MemoryMarshal.GetReference(b[..a.Length]);
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i <= a.Length - s_lanes; i += s_lanes)
            sum = Vector512.FusedMultiplyAdd(
                Vector512.LoadUnsafe(ref left, (nuint)i),
                Vector512.LoadUnsafe(ref right, (nuint)i),
                sum
            );
        var total = Vector512.Sum(sum);
        for (; i < a.Length; i++)
            total = MathF.FusedMultiplyAdd(a[i], b[i], total);
        return total;
    }

    /// <summary>SwiGLU of rows [gate | up]: output = silu(gate) * up.</summary>
    public static void SwiGlu(ReadOnlySpan<float> gateUp, Span<float> output)
    {
        ref var gate = ref MemoryMarshal.GetReference(gateUp);
        ref var up = ref MemoryMarshal.GetReference(gateUp[output.Length..]);
        ref var to = ref MemoryMarshal.GetReference(output);
        for (var i = 0; i < output.Length; i += s_lanes)
        {
            var g = Vector512.LoadUnsafe(ref gate, (nuint)i);
            var u = Vector512.LoadUnsafe(ref up, (nuint)i);
            (g * Sigmoid(g) * u).StoreUnsafe(ref to, (nuint)i);
        }
    }

    /// <summary>Gradient of <see cref="SwiGlu"/> with respect to [gate | up].</summary>
    public static void SwiGluBackward(
        ReadOnlySpan<float> gateUp,
        ReadOnlySpan<float> outputGradient,
        Span<float> gradient
    )
    {
        var width = outputGradient.Length;
        ref var gate = ref MemoryMarshal.GetReference(gateUp);
        ref var up = ref MemoryMarshal.GetReference(gateUp[width..]);
        ref var from = ref MemoryMarshal.GetReference(outputGradient);
        ref var gateGradient = ref MemoryMarshal.GetReference(gradient);
        ref var upGradient = ref MemoryMarshal.GetReference(gradient[width..]);
        for (var i = 0; i < width; i += s_lanes)
        {
            var g = Vector512.LoadUnsafe(ref gate, (nuint)i);
            var u = Vector512.LoadUnsafe(ref up, (nuint)i);
            var d = Vector512.LoadUnsafe(ref from, (nuint)i);
            var s = Sigmoid(g);
            (d * u * s * (Vector512<float>.One + g * (Vector512<float>.One - s))).StoreUnsafe(
                ref gateGradient,
                (nuint)i
            );
            (d * g * s).StoreUnsafe(ref upGradient, (nuint)i);
        }
    }

    /// <summary>values = exp(values - shift); returns the sum.</summary>
    public static float ExpShifted(Span<float> values, float shift)
    {
        ref var at = ref MemoryMarshal.GetReference(values);
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i <= values.Length - s_lanes; i += s_lanes)
        {
            var e = Vector512.Exp(Vector512.LoadUnsafe(ref at, (nuint)i) - Vector512.Create(shift));
            e.StoreUnsafe(ref at, (nuint)i);
            sum += e;
        }
        var total = Vector512.Sum(sum);
        for (; i < values.Length; i++)
            total += values[i] = MathF.Exp(values[i] - shift);
        return total;
    }

    public static float Max(ReadOnlySpan<float> values)
    {
        var max = float.NegativeInfinity;
        foreach (var value in values)
            max = MathF.Max(max, value);
        return max;
    }

    private static Vector512<float> Sigmoid(Vector512<float> x) =>
        Vector512<float>.One / (Vector512<float>.One + Vector512.Exp(-x));
}
