// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Quantization;

/// <summary>
/// A tensor of scales under construction: binary32 values, exponent bytes, or 32-bit words of four exponent bytes
/// that follow each other along K, the first one lowest.
/// </summary>
internal readonly unsafe struct ScaleTarget
{
    private const byte One = 127;

    private readonly byte* _data;
    private readonly DType _dtype;
    private readonly long _kStride;

    /// <param name="scales">Float32, Float8E8M0 or Int32.</param>
    /// <param name="kDimension">The dimension along K.</param>
    public ScaleTarget(Tensor scales, int kDimension)
    {
        _data = (byte*)scales.DataPointer;
        _dtype = scales.DType;
        _kStride = scales.Rank == 0 ? 0 : scales.Strides[kDimension];
    }

    /// <summary>Stores the scale of one K block.</summary>
    /// <param name="offset">Where the first K block of the row lies, in elements.</param>
    /// <param name="kBlock">The K block.</param>
    /// <param name="scale">The scale.</param>
    /// <param name="exponent">Its exponent code, where it is a power of two.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(long offset, long kBlock, float scale, uint exponent)
    {
        switch (_dtype)
        {
            case DType.Float32:
                ((float*)_data)[offset + kBlock * _kStride] = scale;
                break;
            case DType.Float8E8M0:
                _data[offset + kBlock * _kStride] = (byte)exponent;
                break;
            default:
                // Bytes of one word may come from several threads; they do not disturb each other.
                WordOf(offset, kBlock)[kBlock % 4] = (byte)exponent;
                break;
        }
    }

    /// <summary>Fills what is left of the last word with 2^0.</summary>
    public void Pad(long offset, long kBlocks)
    {
        if (_dtype != DType.Int32)
            return;
        for (; kBlocks % 4 != 0; kBlocks++)
            WordOf(offset, kBlocks)[kBlocks % 4] = One;
    }

    /// <summary>The value of a stored scale.</summary>
    public float Read(long offset, long kBlock) =>
        _dtype switch
        {
            DType.Float32 => ((float*)_data)[offset + kBlock * _kStride],
            DType.Float8E8M0 => (float)Float8E8M0.FromBits(_data[offset + kBlock * _kStride]),
            _ => (float)Float8E8M0.FromBits(WordOf(offset, kBlock)[kBlock % 4]),
        };

    private byte* WordOf(long offset, long kBlock) =>
        (byte*)((int*)_data + offset + kBlock / 4 * _kStride);
}
