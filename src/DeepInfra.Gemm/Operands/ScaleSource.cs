// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Gemm.Operands;

/// <summary>The storage of an operand's scale factors; the base address comes with each group.</summary>
internal unsafe struct ScaleSource
{
    public ScaleKind Kind;

    /// <summary>Elements along M or N per scale.</summary>
    public int GranMn;

    /// <summary>Elements along K per scale.</summary>
    public int GranK;

    /// <summary>Elements from one scale row (of M or N) to the next.</summary>
    public long StrideMn;

    /// <summary>Elements (packed: words) from one K block to the next.</summary>
    public long StrideK;

    /// <summary>Bytes of one element of the storage.</summary>
    public readonly int ElementBytes => Kind == ScaleKind.Ue8m0 ? 1 : 4;

    /// <summary>Elements of the storage along K (packed: words) that <paramref name="k"/> elements of data take.</summary>
    public readonly long BlocksAlongK(int k)
    {
        var granularity = Kind == ScaleKind.PackedUe8m0 ? 4 * GranK : GranK;
        return (k + granularity - 1) / granularity;
    }

    /// <summary>The scale of one row and K block.</summary>
    /// <param name="data">Base address of the group.</param>
    /// <param name="mn">Row of A or B.</param>
    /// <param name="kBlock">Index of the K block of <see cref="GranK"/> elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float Read(byte* data, int mn, int kBlock)
    {
        var row = GranMn == 1 ? mn : mn / GranMn;
        return Kind switch
        {
            ScaleKind.Float32 => ((float*)data)[row * StrideMn + kBlock * StrideK],
            ScaleKind.PackedUe8m0 => Widen(
                ((uint*)data)[row * StrideMn + (kBlock >> 2) * StrideK] >> (8 * (kBlock & 3))
            ),
            ScaleKind.Ue8m0 => Widen(data[row * StrideMn + kBlock * StrideK]),
            _ => 1f,
        };
    }

    /// <summary>Fills one factor per row, for consecutive rows and one K block.</summary>
    public readonly void Fill(byte* data, int mn, int kBlock, float* target, int count)
    {
        if (GranMn == 1)
        {
            for (var i = 0; i < count; i++)
                target[i] = Read(data, mn + i, kBlock);
            return;
        }
        for (var i = 0; i < count; )
        {
            var end = Math.Min(count, i + GranMn - (mn + i) % GranMn);
            var value = Read(data, mn + i, kBlock);
            new Span<float>(target + i, end - i).Fill(value);
            i = end;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Widen(uint exponent)
    {
        exponent &= 0xFF;
        // 2^-127 is subnormal in binary32; 0xFF is NaN.
        var bits = exponent switch
        {
            0 => 0x0040_0000u,
            0xFF => 0x7FC0_0000u,
            _ => exponent << 23,
        };
        return BitConverter.UInt32BitsToSingle(bits);
    }
}
