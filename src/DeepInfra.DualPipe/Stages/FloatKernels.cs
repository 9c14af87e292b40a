// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// Float32 kernels of <see cref="LinearGeluLinearStage"/>. Every sum has one fixed order, so results do
/// not depend on threads or on how a backward is split.
/// </summary>
internal static class FloatKernels
{
    private const float InverseSqrt2Pi = 0.3989422804014327f;

    /// <summary>c[m, n] = a[m, k] b[n, k]^T.</summary>
    public static void MultiplyTransposed(
        ReadOnlySpan<float> a,
        ReadOnlySpan<float> b,
        Span<float> c,
        int rows,
        int columns,
        int inner
    )
    {
        for (var i = 0; i < rows; i++)
        {
            var x = a.Slice(i * inner, inner);
            for (var j = 0; j < columns; j++)
            {
                c[(i * columns) + j] = Dot(x, b.Slice(j * inner, inner));
            }
        }
    }

    /// <summary>c[m, n] = a[m, k] b[k, n].</summary>
    public static void Multiply(
        ReadOnlySpan<float> a,
        ReadOnlySpan<float> b,
        Span<float> c,
        int rows,
        int columns,
        int inner
    )
    {
        c[..(rows * columns)].Clear();
        for (var i = 0; i < rows; i++)
        {
            var y = c.Slice(i * columns, columns);
            for (var k = 0; k < inner; k++)
            {
                AddScaled(a[(i * inner) + k], b.Slice(k * columns, columns), y);
            }
        }
    }

    /// <summary>
    /// c[k, n] += a[m, k]^T b[m, n]. The product is summed over m first and added once: an accumulator over
    /// many micro-batches then sees one rounding per micro-batch instead of one per row.
    /// </summary>
    public static void AccumulateOuter(
        ReadOnlySpan<float> a,
        ReadOnlySpan<float> b,
        Span<float> c,
        Span<float> rowScratch,
        int rows,
        int outer,
        int columns
    )
    {
        var sum = rowScratch[..columns];
        for (var k = 0; k < outer; k++)
        {
            sum.Clear();
            for (var i = 0; i < rows; i++)
            {
                AddScaled(a[(i * outer) + k], b.Slice(i * columns, columns), sum);
            }

            AddScaled(1f, sum, c.Slice(k * columns, columns));
        }
    }

    /// <summary>y += x.</summary>
    public static void Add(ReadOnlySpan<float> x, Span<float> y) => AddScaled(1f, x, y[..x.Length]);

    /// <summary>GELU with the normal distribution function: y = x Phi(x).</summary>
    public static void Gelu(ReadOnlySpan<float> x, Span<float> y)
    {
        for (var i = 0; i < x.Length; i++)
        {
            y[i] = x[i] * NormalCdf(x[i], out _);
        }
    }

    /// <summary>d *= Phi(x) + x phi(x), the derivative of GELU.</summary>
    public static void GeluBackward(ReadOnlySpan<float> x, Span<float> d)
    {
        for (var i = 0; i < x.Length; i++)
        {
            var cdf = NormalCdf(x[i], out var density);
            d[i] *= cdf + (x[i] * density);
        }
    }

    /// <summary>Widens BFloat16 bit patterns.</summary>
    public static void FromBFloat16(ReadOnlySpan<ushort> source, Span<float> target)
    {
        for (var i = 0; i < source.Length; i++)
        {
            target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
        }
    }

    /// <summary>Rounds to BFloat16, ties to even; NaN stays NaN.</summary>
    public static void ToBFloat16(ReadOnlySpan<float> source, Span<ushort> target)
    {
        for (var i = 0; i < source.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(source[i]);
            target[i] = float.IsNaN(source[i])
                ? (ushort)((bits >> 16) | 0x40)
                : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    /// <summary>
    /// Phi(x) by the rational approximation of erf in Abramowitz and Stegun 7.1.26, whose error is below
    /// 1.5e-7; the density comes from the same exponential.
    /// </summary>
    internal static float NormalCdf(float x, out float density)
    {
        var exponential = Math.Exp(-0.5 * x * x);
        density = (float)(exponential * InverseSqrt2Pi);
        var t = 1.0 / (1.0 + (0.3275911 * Math.Abs(x) * 0.7071067811865476));
        var tail =
            (
                (((((((1.061405429 * t) - 1.453152027) * t) + 1.421413741) * t) - 0.284496736) * t)
                + 0.254829592
            )
            * t
            * exponential
            * 0.5;
        return (float)(x >= 0 ? 1.0 - tail : tail);
    }

    private static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ref var a = ref MemoryMarshal.GetReference(x);
        ref var b = ref MemoryMarshal.GetReference(y);
        var i = 0;
        var sum = 0f;
        if (Vector512.IsHardwareAccelerated)
        {
            var acc = Vector512<float>.Zero;
            for (; i <= x.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                acc = Vector512.FusedMultiplyAdd(
                    Vector512.LoadUnsafe(ref a, (nuint)i),
                    Vector512.LoadUnsafe(ref b, (nuint)i),
                    acc
                );
            }

            sum = Vector512.Sum(acc);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            var acc = Vector256<float>.Zero;
            for (; i <= x.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                acc = Vector256.FusedMultiplyAdd(
                    Vector256.LoadUnsafe(ref a, (nuint)i),
                    Vector256.LoadUnsafe(ref b, (nuint)i),
                    acc
                );
            }

            sum = Vector256.Sum(acc);
        }
        else
        {
            var acc = Vector128<float>.Zero;
            for (; i <= x.Length - Vector128<float>.Count; i += Vector128<float>.Count)
            {
                acc = Vector128.FusedMultiplyAdd(
                    Vector128.LoadUnsafe(ref a, (nuint)i),
                    Vector128.LoadUnsafe(ref b, (nuint)i),
                    acc
                );
            }

            sum = Vector128.Sum(acc);
        }

        for (; i < x.Length; i++)
        {
            sum = float.FusedMultiplyAdd(x[i], y[i], sum);
        }

        return sum;
    }

    /// <summary>y += s x.</summary>
    private static void AddScaled(float s, ReadOnlySpan<float> x, Span<float> y)
    {
        ref var a = ref MemoryMarshal.GetReference(x);
        ref var b = ref MemoryMarshal.GetReference(y);
        var i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            var factor = Vector512.Create(s);
            for (; i <= x.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                Vector512
                    .FusedMultiplyAdd(
                        factor,
                        Vector512.LoadUnsafe(ref a, (nuint)i),
                        Vector512.LoadUnsafe(ref b, (nuint)i)
                    )
                    .StoreUnsafe(ref b, (nuint)i);
            }
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            var factor = Vector256.Create(s);
            for (; i <= x.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                Vector256
                    .FusedMultiplyAdd(
                        factor,
                        Vector256.LoadUnsafe(ref a, (nuint)i),
                        Vector256.LoadUnsafe(ref b, (nuint)i)
                    )
                    .StoreUnsafe(ref b, (nuint)i);
            }
        }
        else
        {
            var factor = Vector128.Create(s);
            for (; i <= x.Length - Vector128<float>.Count; i += Vector128<float>.Count)
            {
                Vector128
                    .FusedMultiplyAdd(
                        factor,
                        Vector128.LoadUnsafe(ref a, (nuint)i),
                        Vector128.LoadUnsafe(ref b, (nuint)i)
                    )
                    .StoreUnsafe(ref b, (nuint)i);
            }
        }

        for (; i < x.Length; i++)
        {
            Unsafe.Add(ref b, i) = float.FusedMultiplyAdd(s, x[i], y[i]);
        }
    }
}
