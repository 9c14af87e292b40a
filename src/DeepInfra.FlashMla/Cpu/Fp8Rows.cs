// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;

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
            var scale = Unsafe.ReadUnaligned<float>(scales + 4 * tile);
            var start = tile * KvLayout.V32Tile;
            Fp8Decoder.DecodeTile<TSimd, TVector>(
                row + start,
                KvLayout.V32Tile,
                scale,
                destination + start
            );
        }
        Unsafe.CopyBlockUnaligned(
            destination + KvLayout.V32Latent,
            row + KvLayout.V32RopeOffset,
            2 * KvLayout.V32Rope
        );
    }

    /// <summary>Decodes the 576 data bytes and the scale bytes of a token to 512 BFloat16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DecodeModel1<TSimd, TVector>(byte* row, byte* scales, ushort* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        for (var tile = 0; tile < KvLayout.Model1Tiles; tile++)
        {
            var scale = DecodeE8M0(scales[tile]);
            var start = tile * KvLayout.Model1Tile;
            Fp8Decoder.DecodeTile<TSimd, TVector>(
                row + start,
                KvLayout.Model1Tile,
                scale,
                destination + start
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
    public static bool EncodeV32(
        float* latent,
        ushort* rope,
        byte* row,
        KvScaleFormat scaleFormat,
        SimdTier tier
    )
    {
        for (var tile = 0; tile < KvLayout.V32Latent / KvLayout.V32Tile; tile++)
        {
            var start = tile * KvLayout.V32Tile;
            var amax = TileEncoder.Amax(latent + start, KvLayout.V32Tile, tier);
            if (float.IsInfinity(amax))
                return false;
            var scale =
                float.IsNaN(amax) ? float.NaN
                : scaleFormat == KvScaleFormat.PowerOfTwo ? PowerOfTwoScale(amax)
                : Math.Max(amax / 448, 1e-12f);
            Unsafe.WriteUnaligned(row + KvLayout.V32Latent + 4 * tile, scale);
            TileEncoder.Encode(latent + start, row + start, KvLayout.V32Tile, scale, tier);
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
        int pageSize,
        SimdTier tier
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
            var amax = TileEncoder.Amax(latent + start, KvLayout.Model1Tile, tier);
            if (float.IsInfinity(amax))
                return false;
            var scale = float.IsNaN(amax) ? float.NaN : PowerOfTwoScale(amax);
            scales[tile] = float.IsNaN(scale)
                ? (byte)255
                : (byte)(BitConverter.SingleToUInt32Bits(scale) >> 23);
            TileEncoder.Encode(latent + start, row + start, KvLayout.Model1Tile, scale, tier);
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
}
