// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// Conversions between spans of different element types, vectorised and bit-equal to the conversion operators of
/// the element types at every SIMD tier. Source and destination must not overlap. Thread-safe; allocates nothing.
/// </summary>
/// <remarks>
/// In every method the destination has at least as many elements as the source (else
/// <see cref="ArgumentException"/>), and <c>tier</c> is the widest SIMD to use, null being the process default.
/// </remarks>
public static unsafe class NumberConvert
{
    /// <summary>Widens BF16; exact.</summary>
    /// <param name="source">The values.</param>
    /// <param name="destination">At least as many elements.</param>
    /// <param name="tier">Widest SIMD to use; null is the process default.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Widen(
        ReadOnlySpan<BFloat16> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.FromBFloat16(), source, destination, tier);

    /// <summary>Widens binary16; exact.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void Widen(
        ReadOnlySpan<Half> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.FromHalf(), source, destination, tier);

    /// <summary>Widens E4M3; exact.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void Widen(
        ReadOnlySpan<Float8E4M3> source,
        Span<float> destination,
        SimdTier? tier = null
    )
    {
        SpanMap.CheckLength(source.Length, destination.Length);
        var done = 0;
        if (SpanMap.Resolve(tier) == SimdTier.V512 && VbmiDecoder.IsSupported)
        {
            fixed (Float8E4M3* from = source)
            fixed (float* to = destination)
                done = WidenByTable((byte*)from, to, source.Length);
        }
        SpanMap.Run(new ConversionMaps.FromE4M3(), source[done..], destination[done..], tier);
    }

    /// <summary>Widens E4M3 to BF16; exact.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void Widen(
        ReadOnlySpan<Float8E4M3> source,
        Span<BFloat16> destination,
        SimdTier? tier = null
    )
    {
        SpanMap.CheckLength(source.Length, destination.Length);
        var done = 0;
        if (SpanMap.Resolve(tier) == SimdTier.V512 && VbmiDecoder.IsSupported)
        {
            fixed (Float8E4M3* from = source)
            fixed (BFloat16* to = destination)
                done = WidenByTable((byte*)from, (ushort*)to, source.Length);
        }
        SpanMap.Run(new ConversionMaps.E4M3ToBFloat16(), source[done..], destination[done..], tier);
    }

    /// <summary>Widens E5M2; exact.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void Widen(
        ReadOnlySpan<Float8E5M2> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.FromE5M2(), source, destination, tier);

    /// <summary>Widens E8M0; exact.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void Widen(
        ReadOnlySpan<Float8E8M0> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.FromE8M0(), source, destination, tier);

    /// <summary>Widens packed FP4, the low nibble of each byte first; exact.</summary>
    /// <param name="packed">Two codes per byte.</param>
    /// <param name="destination">At least two elements per byte.</param>
    /// <param name="tier">Widest SIMD to use; null is the process default.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void WidenFp4(
        ReadOnlySpan<byte> packed,
        Span<float> destination,
        SimdTier? tier = null
    )
    {
        SpanMap.CheckLength(checked(2 * packed.Length), destination.Length);
        fixed (byte* from = packed)
        fixed (float* to = destination)
            PackedFp4.Widen(from, to, packed.Length, SpanMap.Resolve(tier));
    }

    /// <summary>Narrows to BF16, to nearest, ties to even; NaN becomes 0x7FFF.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void Narrow(
        ReadOnlySpan<float> source,
        Span<BFloat16> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.ToBFloat16(), source, destination, tier);

    /// <summary>Narrows to binary16, to nearest, ties to even; NaN becomes 0x7E00 with its sign.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void Narrow(
        ReadOnlySpan<float> source,
        Span<Half> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.ToHalf(), source, destination, tier);

    /// <summary>Narrows to E4M3; see <see cref="Float8E4M3.FromSingle"/>.</summary>
    /// <param name="source">The values.</param>
    /// <param name="destination">At least as many elements.</param>
    /// <param name="overflow">What overflow becomes.</param>
    /// <param name="tier">Widest SIMD to use; null is the process default.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Narrow(
        ReadOnlySpan<float> source,
        Span<Float8E4M3> destination,
        OverflowMode overflow = OverflowMode.SaturateFinite,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.ToE4M3(overflow), source, destination, tier);

    /// <summary>Narrows BF16 to E4M3; see <see cref="Float8E4M3.FromSingle"/>.</summary>
    /// <inheritdoc cref="Narrow(ReadOnlySpan{float}, Span{Float8E4M3}, OverflowMode, SimdTier?)"/>
    public static void Narrow(
        ReadOnlySpan<BFloat16> source,
        Span<Float8E4M3> destination,
        OverflowMode overflow = OverflowMode.SaturateFinite,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.BFloat16ToE4M3(overflow), source, destination, tier);

    /// <summary>Narrows to E5M2; see <see cref="Float8E5M2.FromSingle"/>.</summary>
    /// <inheritdoc cref="Narrow(ReadOnlySpan{float}, Span{Float8E4M3}, OverflowMode, SimdTier?)"/>
    public static void Narrow(
        ReadOnlySpan<float> source,
        Span<Float8E5M2> destination,
        OverflowMode overflow = OverflowMode.SaturateFinite,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.ToE5M2(overflow), source, destination, tier);

    /// <summary>Rounds magnitudes to powers of two; see <see cref="Float8E8M0.FromSingle"/>.</summary>
    /// <param name="source">The values; signs are ignored.</param>
    /// <param name="destination">At least as many elements.</param>
    /// <param name="rounding">Up or down.</param>
    /// <param name="overflow">What overflow becomes.</param>
    /// <param name="tier">Widest SIMD to use; null is the process default.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Narrow(
        ReadOnlySpan<float> source,
        Span<Float8E8M0> destination,
        Ue8m0Rounding rounding = Ue8m0Rounding.RoundUp,
        OverflowMode overflow = OverflowMode.SaturateFinite,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.RoundToE8M0(rounding, overflow), source, destination, tier);

    /// <summary>Quantises scales to powers of two; see <see cref="Float8E8M0.ScaleCeil"/>.</summary>
    /// <inheritdoc cref="Widen(ReadOnlySpan{BFloat16}, Span{float}, SimdTier?)"/>
    public static void ScaleCeil(
        ReadOnlySpan<float> source,
        Span<Float8E8M0> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ConversionMaps.ToE8M0(), source, destination, tier);

    /// <summary>Narrows to packed FP4, the even element in the low nibble; see <see cref="Float4E2M1.FromSingle"/>.</summary>
    /// <param name="source">An even number of values.</param>
    /// <param name="packed">At least half as many bytes.</param>
    /// <param name="rounding">Ties, the sign of zero and NaN.</param>
    /// <param name="tier">Widest SIMD to use; null is the process default.</param>
    /// <exception cref="ArgumentException">The source has an odd length, or the destination is too short.</exception>
    public static void NarrowFp4(
        ReadOnlySpan<float> source,
        Span<byte> packed,
        Fp4Rounding rounding = Fp4Rounding.NearestEven,
        SimdTier? tier = null
    )
    {
        if (source.Length % 2 != 0)
            throw new ArgumentException(
                $"source: expected an even number of elements, got {source.Length}",
                nameof(source)
            );
        SpanMap.CheckLength(source.Length / 2, packed.Length, nameof(packed));
        fixed (float* from = source)
        fixed (byte* to = packed)
            PackedFp4.Narrow(from, to, source.Length / 2, rounding, SpanMap.Resolve(tier));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int WidenByTable(byte* from, float* to, int length)
    {
        var decoder = new VbmiDecoder();
        var i = 0;
        for (; i <= length - 64; i += 64)
        {
            decoder.Decode(
                Vector512.Load(from + i),
                out var v0,
                out var v1,
                out var v2,
                out var v3
            );
            v0.Store(to + i);
            v1.Store(to + i + 16);
            v2.Store(to + i + 32);
            v3.Store(to + i + 48);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int WidenByTable(byte* from, ushort* to, int length)
    {
        var decoder = new VbmiDecoder();
        var i = 0;
        for (; i <= length - 64; i += 64)
        {
            decoder.Decode(Vector512.Load(from + i), out var first, out var second);
            first.Store(to + i);
            second.Store(to + i + 32);
        }
        return i;
    }
}
