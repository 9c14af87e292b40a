// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

/// <summary>Element access for <see cref="MlaReference"/>: any float type, any strides, in float64.</summary>
internal static unsafe class ReferenceRows
{
    public static double Get(Tensor tensor, params ReadOnlySpan<long> indices)
    {
        long offset = 0;
        for (var i = 0; i < indices.Length; i++)
            offset += indices[i] * tensor.Strides[i];
        return tensor.DType switch
        {
            DType.Float64 => ((double*)tensor.DataPointer)[offset],
            DType.Float32 => ((float*)tensor.DataPointer)[offset],
            DType.BFloat16 => (float)((BFloat16*)tensor.DataPointer)[offset],
            DType.Float16 => (double)((Half*)tensor.DataPointer)[offset],
            _ => throw new ArgumentException($"tensor: expected a float type, got {tensor.DType}"),
        };
    }

    /// <summary>Reads the innermost row at the given outer indices.</summary>
    public static double[] Row(Tensor tensor, params ReadOnlySpan<long> outer)
    {
        Span<long> indices = stackalloc long[Shape.MaxRank];
        outer.CopyTo(indices);
        var row = new double[tensor.Shape[-1]];
        for (var i = 0; i < row.Length; i++)
        {
            indices[outer.Length] = i;
            row[i] = Get(tensor, indices[..(outer.Length + 1)]);
        }
        return row;
    }

    /// <summary>Decodes one slot of a cache.</summary>
    public static double[] CacheRow(KvBlocks cache, int block, int slot, int head)
    {
        if (!KvLayout.IsFp8(cache.Format))
            return Row(cache.Data, block, slot, head);
        var start = (byte*)cache.Data.DataPointer + block * cache.Data.Strides[0];
        var row = new double[cache.HeadDim];
        var v32 = cache.Format == KvCacheFormat.Fp8V32;
        var codes = v32
            ? start + (long)slot * KvLayout.V32RowBytes
            : start + (long)slot * KvLayout.Model1DataBytes;
        var latent = v32 ? KvLayout.V32Latent : KvLayout.Model1Latent;
        for (var c = 0; c < latent; c++)
        {
            var scale = v32
                ? *(float*)(codes + KvLayout.V32Latent + 4 * (c / KvLayout.V32Tile))
                : Fp8Rows.DecodeE8M0(
                    start[
                        (long)KvLayout.Model1DataBytes * cache.PageSize
                            + (long)KvLayout.Model1ScaleBytes * slot
                            + c / KvLayout.Model1Tile
                    ]
                );
            row[c] = (float)(BFloat16)(DecodeE4M3(codes[c]) * scale);
        }
        var rope = (BFloat16*)(codes + (v32 ? KvLayout.V32RopeOffset : KvLayout.Model1Latent));
        for (var c = latent; c < row.Length; c++)
            row[c] = (float)rope[c - latent];
        return row;
    }

    public static float DecodeE4M3(byte code)
    {
        var exponent = (code >> 3) & 15;
        var mantissa = code & 7;
        if (exponent == 15 && mantissa == 7)
            return float.NaN;
        var magnitude =
            exponent == 0
                ? mantissa * MathF.Pow(2, -9)
                : (1 + mantissa / 8f) * MathF.Pow(2, exponent - 7);
        return code >= 0x80 ? -magnitude : magnitude;
    }

    public static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (var i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
