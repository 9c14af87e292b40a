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
    /// <summary>Tiles whose scales are computed together.</summary>
    public const int TilesAtOnce = 64;

    // Longest run with 32-bit indices.
    private const int Run = 1 << 20;

    private const uint MagnitudeMask = 0x7FFF_FFFF;

    /// <summary>Bits of the largest magnitude of a run of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint MaxMagnitude(T* source, long count)
    {
        var largest = 0u;
        for (; count > Run; source += Run, count -= Run)
            largest = Math.Max(largest, MaxOfTile(source, Run));
        return Math.Max(largest, MaxOfTile(source, (int)count));
    }

    /// <summary>Codes of a run of elements with one factor, one byte each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(T* source, byte* codes, long count, float factor)
    {
        for (; count > Run; source += Run, codes += Run, count -= Run)
            EncodeTile(source, codes, Run, factor);
        EncodeTile(source, codes, (int)count, factor);
    }

    /// <summary>
    /// Quantises one compact row with a scale per tile. The scales of up to <see cref="TilesAtOnce"/> tiles are
    /// computed together, so that their divisions run in vectors.
    /// </summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row(
        T* source,
        byte* codes,
        long count,
        int tile,
        ScaleFormula formula,
        in ScaleTarget target,
        long scaleOffset
    )
    {
        var largest = stackalloc uint[TilesAtOnce];
        var scales = stackalloc float[TilesAtOnce];
        var exponents = stackalloc uint[TilesAtOnce];
        var factors = (float*)largest;
        long firstTile = 0;
        for (long start = 0; start < count; firstTile += TilesAtOnce)
        {
            var tiles = 0;
            var end = start;
            for (; end < count && tiles < TilesAtOnce; end += tile)
                largest[tiles++] = MaxOfTile(source + end, (int)Math.Min(tile, count - end));
            Scales(formula, largest, scales, factors, exponents, tiles);
            for (var i = 0; i < tiles; i++, start += tile)
            {
                target.Write(scaleOffset, firstTile + i, scales[i], exponents[i]);
                EncodeTile(
                    source + start,
                    codes + start,
                    (int)Math.Min(tile, count - start),
                    factors[i]
                );
            }
        }
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    private static uint MaxOfTile(T* source, int count)
    {
        var mask = S.Create(MagnitudeMask);
        var (m0, m1) = (S.Create(0u), S.Create(0u));
        var i = 0;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EncodeTile(T* source, byte* codes, int count, float factor)
    {
        var factors = S.Create(factor);
        var i = 0;
        for (; i <= count - S.Count; i += S.Count)
        {
            var scaled = S.Multiply(Load(source + i), factors);
            S.StoreBytes(TFormat.Encode<S, VF, VU>(scaled), codes + i);
        }
        for (; i < count; i++)
            codes[i] = EncodeOne(Scalar(source + i) * factor);
    }

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
