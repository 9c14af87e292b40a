// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Encoding and decoding of one FP8 cache row. Decoded values are <c>bf16(code · scale)</c> with one rounding;
/// rotary values are copied bit for bit.
/// </summary>
internal static unsafe class Fp8Rows
{
    /// <summary>Decodes a 656-byte row to 576 BFloat16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DecodeV32<TSimd, TVector>(byte* row, ushort* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var scales = row + KvLayout.V32Latent;
        for (var tile = 0; tile < KvLayout.V32Latent / KvLayout.V32Tile; tile++)
        {
            // Rows are 16-byte aligned, so the scales are aligned, too; unaligned reads cost nothing more.
            var scale = TSimd.Broadcast(Unsafe.ReadUnaligned<float>(scales + 4 * tile));
            var start = tile * KvLayout.V32Tile;
            for (var c = start; c < start + KvLayout.V32Tile; c += TSimd.Count)
                TSimd.StoreBFloat16(
                    TSimd.Multiply(TSimd.LoadE4M3(row + c), scale),
                    destination + c
                );
        }
        Unsafe.CopyBlockUnaligned(
            destination + KvLayout.V32Latent,
            row + KvLayout.V32RopeOffset,
            2 * KvLayout.V32Rope
        );
    }

    /// <summary>Decodes a slot of a 584-byte-per-token block to 512 BFloat16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DecodeModel1<TSimd, TVector>(
        byte* block,
        int slot,
        int pageSize,
        ushort* destination
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var row = block + (long)KvLayout.Model1DataBytes * slot;
        var scales =
            block
            + (long)KvLayout.Model1DataBytes * pageSize
            + (long)KvLayout.Model1ScaleBytes * slot;
        for (var tile = 0; tile < KvLayout.Model1Tiles; tile++)
        {
            var scale = TSimd.Broadcast(DecodeE8M0(scales[tile]));
            var start = tile * KvLayout.Model1Tile;
            for (var c = start; c < start + KvLayout.Model1Tile; c += TSimd.Count)
                TSimd.StoreBFloat16(
                    TSimd.Multiply(TSimd.LoadE4M3(row + c), scale),
                    destination + c
                );
        }
        Unsafe.CopyBlockUnaligned(
            destination + KvLayout.Model1Latent,
            row + KvLayout.Model1Latent,
            2 * KvLayout.Model1Rope
        );
    }

    /// <summary>Encodes 512 latent and 64 rotary values.</summary>
    /// <returns>False if a value is infinite; the row is then undefined.</returns>
    public static bool EncodeV32(float* latent, ushort* rope, byte* row, KvScaleFormat scaleFormat)
    {
        for (var tile = 0; tile < KvLayout.V32Latent / KvLayout.V32Tile; tile++)
        {
            var start = tile * KvLayout.V32Tile;
            var amax = Amax(latent + start, KvLayout.V32Tile);
            if (float.IsInfinity(amax))
                return false;
            var scale =
                float.IsNaN(amax) ? float.NaN
                : scaleFormat == KvScaleFormat.PowerOfTwo ? PowerOfTwoScale(amax)
                : Math.Max(amax / 448, 1e-12f);
            Unsafe.WriteUnaligned(row + KvLayout.V32Latent + 4 * tile, scale);
            EncodeTile(latent + start, row + start, KvLayout.V32Tile, scale);
        }
        Unsafe.CopyBlockUnaligned(row + KvLayout.V32RopeOffset, rope, 2 * KvLayout.V32Rope);
        return true;
    }

    /// <summary>Encodes 448 latent and 64 rotary values.</summary>
    /// <returns>False if a value is infinite; the row is then undefined.</returns>
    public static bool EncodeModel1(
        float* latent,
        ushort* rope,
        byte* block,
        int slot,
        int pageSize
    )
    {
        var row = block + (long)KvLayout.Model1DataBytes * slot;
        var scales =
            block
            + (long)KvLayout.Model1DataBytes * pageSize
            + (long)KvLayout.Model1ScaleBytes * slot;
        for (var tile = 0; tile < KvLayout.Model1Tiles; tile++)
        {
            var start = tile * KvLayout.Model1Tile;
            var amax = Amax(latent + start, KvLayout.Model1Tile);
            if (float.IsInfinity(amax))
                return false;
            var scale = float.IsNaN(amax) ? float.NaN : PowerOfTwoScale(amax);
            scales[tile] = float.IsNaN(scale)
                ? (byte)255
                : (byte)(BitConverter.SingleToUInt32Bits(scale) >> 23);
            EncodeTile(latent + start, row + start, KvLayout.Model1Tile, scale);
        }
        scales[KvLayout.Model1Tiles] = 0;
        Unsafe.CopyBlockUnaligned(row + KvLayout.Model1Latent, rope, 2 * KvLayout.Model1Rope);
        return true;
    }

    /// <summary>The smallest power of two at least max(amax / 448, 1e-4), from the bits so that no logarithm rounds.</summary>
    public static float PowerOfTwoScale(float amax)
    {
        var bits = BitConverter.SingleToUInt32Bits(Math.Max(amax / 448, 1e-4f));
        var exponent = (bits >> 23) + ((bits & 0x7FFFFF) != 0 ? 1u : 0u);
        return BitConverter.UInt32BitsToSingle(exponent << 23);
    }

    /// <summary>The value 2^(code - 127) of a scale byte; 255 is NaN, 0 is the subnormal 2^-127.</summary>
    public static float DecodeE8M0(byte code) =>
        code switch
        {
            255 => float.NaN,
            0 => BitConverter.UInt32BitsToSingle(0x00400000),
            _ => BitConverter.UInt32BitsToSingle((uint)code << 23),
        };

    /// <summary>Rounds to the nearest E4M3 code, ties to even, saturating at ±448; NaN becomes 0x7F.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte EncodeE4M3(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        var sign = (bits >> 24) & 0x80;
        var magnitude = bits & 0x7FFFFFFF;
        if (magnitude > 0x7F800000)
            return 0x7F;
        uint code;
        if (magnitude < 0x3C800000)
        {
            // Below 2^-6 codes are multiples of 2^-9: adding 2^14 rounds to that grid.
            var shifted = BitConverter.UInt32BitsToSingle(magnitude) + 16384f;
            code = BitConverter.SingleToUInt32Bits(shifted) - 0x46800000;
        }
        else
        {
            var rounded = magnitude + 0x7FFFF + ((magnitude >> 20) & 1);
            code = Math.Min((rounded >> 20) - (120 << 3), 0x7E);
        }
        return (byte)(sign | code);
    }

    /// <summary>Largest magnitude; NaN if any value is NaN.</summary>
    private static float Amax(float* values, int count)
    {
        uint max = 0;
        for (var i = 0; i < count; i++)
            max = Math.Max(max, BitConverter.SingleToUInt32Bits(values[i]) & 0x7FFFFFFF);
        return BitConverter.UInt32BitsToSingle(max);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EncodeTile(float* values, byte* codes, int count, float scale)
    {
        for (var i = 0; i < count; i++)
            codes[i] = EncodeE4M3(values[i] / scale);
    }
}
