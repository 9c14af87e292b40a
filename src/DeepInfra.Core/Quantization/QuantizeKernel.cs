// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>
/// The inner loops of quantisation at one width. Largest magnitudes are compared as integers, where NaN is above
/// everything, so that the order of comparison does not matter.
/// </summary>
internal static unsafe class QuantizeKernel<S, VF, VU, T, TFormat>
    where S : struct, ISimd<VF, VU>
    where VF : struct
    where VU : struct
    where T : unmanaged
    where TFormat : struct, ICodeFormat
{
    private const uint MagnitudeMask = 0x7FFF_FFFF;

    /// <summary>Bits of the largest magnitude of a run of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint MaxMagnitude(T* source, long count)
    {
        var mask = S.Create(MagnitudeMask);
        var (m0, m1) = (S.Create(0u), S.Create(0u));
        long i = 0;
        for (; i <= count - 2 * S.Count; i += 2 * S.Count)
        {
            m0 = S.Max(m0, S.And(S.AsUInt(Load(source + i)), mask));
            m1 = S.Max(m1, S.And(S.AsUInt(Load(source + i + S.Count)), mask));
        }
        for (; i <= count - S.Count; i += S.Count)
            m0 = S.Max(m0, S.And(S.AsUInt(Load(source + i)), mask));
        var largest = S.MaxAcross(S.Max(m0, m1));
        for (; i < count; i++)
            largest = Math.Max(largest, SimdScalar.AsUInt(Scalar(source + i)) & MagnitudeMask);
        return largest;
    }

    /// <summary>Codes of a run of elements with one factor, one byte each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(T* source, byte* codes, long count, float factor)
    {
        var factors = S.Create(factor);
        long i = 0;
        for (; i <= count - S.Count; i += S.Count)
        {
            var scaled = S.Multiply(Load(source + i), factors);
            S.StoreBytes(TFormat.Encode<S, VF, VU>(scaled), codes + i);
        }
        for (; i < count; i++)
            codes[i] = EncodeOne(Scalar(source + i) * factor);
    }

    /// <summary>Raises each column's largest magnitude by one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MaxMagnitudes(T* source, uint* largest, int columns)
    {
        var mask = S.Create(MagnitudeMask);
        var i = 0;
        for (; i <= columns - S.Count; i += S.Count)
        {
            var magnitude = S.And(S.AsUInt(Load(source + i)), mask);
            S.Store(S.Max(S.Load(largest + i), magnitude), largest + i);
        }
        for (; i < columns; i++)
            largest[i] = Math.Max(
                largest[i],
                SimdScalar.AsUInt(Scalar(source + i)) & MagnitudeMask
            );
    }

    /// <summary>Turns largest magnitudes into scales, factors and exponents; the first two may be the same memory.</summary>
    public static void Scales(
        ScaleFormula formula,
        uint* largest,
        float* scales,
        float* factors,
        uint* exponents,
        int columns
    )
    {
        var i = 0;
        for (; i <= columns - S.Count; i += S.Count)
        {
            formula.Compute<S, VF, VU, TFormat>(
                S.Load(largest + i),
                out var scale,
                out var factor,
                out var exponent
            );
            S.Store(scale, scales + i);
            S.Store(factor, factors + i);
            S.Store(exponent, exponents + i);
        }
        for (; i < columns; i++)
            formula.Compute<SimdScalar, float, uint, TFormat>(
                largest[i],
                out scales[i],
                out factors[i],
                out exponents[i]
            );
    }

    /// <summary>Codes of one row with a factor per column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(T* source, byte* codes, int columns, float* factors)
    {
        var i = 0;
        for (; i <= columns - S.Count; i += S.Count)
        {
            var scaled = S.Multiply(Load(source + i), S.Load(factors + i));
            S.StoreBytes(TFormat.Encode<S, VF, VU>(scaled), codes + i);
        }
        for (; i < columns; i++)
            codes[i] = EncodeOne(Scalar(source + i) * factors[i]);
    }

    /// <summary>Values of a run of codes, one byte each, with one scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* codes, T* destination, long count, float scale)
    {
        var scales = S.Create(scale);
        long i = 0;
        for (; i <= count - S.Count; i += S.Count)
            Store(
                S.Multiply(TFormat.Decode<S, VF, VU>(S.LoadBytes(codes + i)), scales),
                destination + i
            );
        for (; i < count; i++)
            StoreScalar(DecodeOne(codes[i]) * scale, destination + i);
    }

    /// <summary>Values of one row of codes with a scale per column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(byte* codes, T* destination, int columns, float* scales)
    {
        var i = 0;
        for (; i <= columns - S.Count; i += S.Count)
            Store(
                S.Multiply(TFormat.Decode<S, VF, VU>(S.LoadBytes(codes + i)), S.Load(scales + i)),
                destination + i
            );
        for (; i < columns; i++)
            StoreScalar(DecodeOne(codes[i]) * scales[i], destination + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(VF values, T* destination)
    {
        if (typeof(T) == typeof(float))
            S.Store(values, (float*)destination);
        else
            S.StoreWords(SimdCodec<S, VF, VU>.EncodeBFloat16(values), (ushort*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScalar(float value, T* destination)
    {
        if (typeof(T) == typeof(float))
            *(float*)destination = value;
        else
            *(BFloat16*)destination = (BFloat16)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float DecodeOne(byte code) => TFormat.Decode<SimdScalar, float, uint>(code);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static VF Load(T* source) =>
        typeof(T) == typeof(float)
            ? S.Load((float*)source)
            : SimdCodec<S, VF, VU>.DecodeBFloat16(S.LoadWords((ushort*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Scalar(T* source) =>
        typeof(T) == typeof(float) ? *(float*)source : (float)*(BFloat16*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte EncodeOne(float value) =>
        (byte)TFormat.Encode<SimdScalar, float, uint>(value);
}
