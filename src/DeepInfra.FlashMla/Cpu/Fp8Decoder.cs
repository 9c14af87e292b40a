// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core.Numerics;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Decodes tiles of FP8 E4M3 codes with one scale to BFloat16: <c>bf16(code · scale)</c> with one rounding. With a power of two
/// as scale the product is exact, so that the 512-bit path looks BFloat16 codes up and adds to their exponents.
/// </summary>
internal static unsafe class Fp8Decoder
{
    // E4M3 values lie between 2^-9 and 448: within this range of scales every product is a normal BFloat16 number.
    private const uint SmallestExponent = 127 - 100;
    private const uint LargestExponent = 127 + 100;

    /// <summary>Decodes <paramref name="count"/> codes, a multiple of 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void DecodeTile<TSimd, TVector>(
        byte* codes,
        int count,
        float scale,
        ushort* destination
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (TSimd.Count == 16 && VbmiDecoder.IsSupported)
        {
            var bits = BitConverter.SingleToUInt32Bits(scale);
            if (
                (bits & 0x7FFFFF) == 0
                && bits >> 23 is >= SmallestExponent and <= LargestExponent
                && TryShiftExponents(codes, count, bits, destination)
            )
                return;
        }
        var factor = TSimd.Broadcast(scale);
        for (var i = 0; i < count; i += TSimd.Count)
            TSimd.StoreBFloat16(TSimd.Multiply(TSimd.LoadE4M3(codes + i), factor), destination + i);
    }

    /// <summary>Returns false, having written some of the tile, if a code is NaN.</summary>
    private static bool TryShiftExponents(
        byte* codes,
        int count,
        uint scaleBits,
        ushort* destination
    )
    {
        var decoder = new VbmiDecoder();
        var shift = Vector512.Create((ushort)((scaleBits >> 16) - (127 << 7)));
        var magnitudes = Vector512.Create((ushort)0x7FFF);
        var magnitude = Vector512.Create((byte)0x7F);
        for (var i = 0; i < count; i += 64)
        {
            var vector = Vector512.Load(codes + i);
            if (Vector512.EqualsAny(vector & magnitude, magnitude))
                return false;
            decoder.Decode(vector, out Vector512<ushort> first, out Vector512<ushort> second);
            Shift(first, shift, magnitudes).Store(destination + i);
            Shift(second, shift, magnitudes).Store(destination + i + 32);
        }
        return true;
    }

    /// <summary>Zeros stay zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ushort> Shift(
        Vector512<ushort> values,
        Vector512<ushort> shift,
        Vector512<ushort> magnitudes
    ) =>
        Vector512.ConditionalSelect(
            Vector512.Equals(values & magnitudes, Vector512<ushort>.Zero),
            values,
            values + shift
        );
}
