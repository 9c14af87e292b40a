// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>Quantises a block of rows with one scale.</summary>
internal static unsafe class QuantizeBlock
{
    /// <summary>Elements gathered or packed at a time: a buffer of at most 1 KB on the stack.</summary>
    public const int Piece = 256;

    /// <param name="source">Element 0 of row 0.</param>
    /// <param name="sourceRows">Where rows begin.</param>
    /// <param name="inner">Distance between the elements of a source row.</param>
    /// <param name="data">Byte 0 of the codes of row 0.</param>
    /// <param name="dataRows">Where rows of codes begin, in bytes.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="count">Elements per row.</param>
    /// <param name="formula">The scale formula.</param>
    /// <param name="scale">The scale.</param>
    /// <param name="exponent">Its exponent code.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<S, VF, VU, T, TFormat>(
        T* source,
        in RowLayout sourceRows,
        long inner,
        byte* data,
        in RowLayout dataRows,
        long rows,
        long count,
        ScaleFormula formula,
        out float scale,
        out uint exponent
    )
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        var gathered = stackalloc T[Piece];
        var largest = 0u;
        for (long row = 0; row < rows; row++)
        {
            var from = source + sourceRows.OffsetOf(row);
            if (inner == 1)
            {
                largest = Math.Max(
                    largest,
                    QuantizeKernel<S, VF, VU, T, TFormat>.MaxMagnitude(from, count)
                );
                continue;
            }
            for (long done = 0; done < count; done += Piece)
            {
                var length = (int)Math.Min(Piece, count - done);
                Gather(from + done * inner, inner, gathered, length);
                largest = Math.Max(
                    largest,
                    QuantizeKernel<S, VF, VU, T, TFormat>.MaxMagnitude(gathered, length)
                );
            }
        }

        formula.Compute<SimdScalar, float, uint, TFormat>(
            largest,
            out scale,
            out var factor,
            out exponent
        );

        for (long row = 0; row < rows; row++)
        {
            var from = source + sourceRows.OffsetOf(row);
            var to = data + dataRows.OffsetOf(row);
            if (inner == 1 && !TFormat.IsPacked)
            {
                QuantizeKernel<S, VF, VU, T, TFormat>.Encode(from, to, count, factor);
                continue;
            }
            for (long done = 0; done < count; done += Piece)
            {
                var length = (int)Math.Min(Piece, count - done);
                var piece = from + done;
                if (inner != 1)
                {
                    Gather(from + done * inner, inner, gathered, length);
                    piece = gathered;
                }
                if (TFormat.IsPacked)
                    EncodePacked<S, VF, VU, T, TFormat>(piece, to + done / 2, length, factor);
                else
                    QuantizeKernel<S, VF, VU, T, TFormat>.Encode(piece, to + done, length, factor);
            }
        }
    }

    /// <summary>The inverse of <see cref="Run"/>: writes values where that one reads them.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode<S, VF, VU, T, TFormat>(
        T* destination,
        in RowLayout destinationRows,
        long inner,
        byte* data,
        in RowLayout dataRows,
        long rows,
        long count,
        float scale
    )
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        var values = stackalloc T[Piece];
        var codes = stackalloc byte[Piece];
        for (long row = 0; row < rows; row++)
        {
            var to = destination + destinationRows.OffsetOf(row);
            var from = data + dataRows.OffsetOf(row);
            if (inner == 1 && !TFormat.IsPacked)
            {
                QuantizeKernel<S, VF, VU, T, TFormat>.Decode(from, to, count, scale);
                continue;
            }
            for (long done = 0; done < count; done += Piece)
            {
                var length = (int)Math.Min(Piece, count - done);
                var piece = from + done;
                if (TFormat.IsPacked)
                {
                    PackedFp4.Unpack(from + done / 2, codes, length / 2);
                    piece = codes;
                }
                if (inner == 1)
                {
                    QuantizeKernel<S, VF, VU, T, TFormat>.Decode(piece, to + done, length, scale);
                    continue;
                }
                QuantizeKernel<S, VF, VU, T, TFormat>.Decode(piece, values, length, scale);
                Scatter(values, to + done * inner, inner, length);
            }
        }
    }

    /// <summary>Copies a compact run to elements that are apart.</summary>
    public static void Scatter<T>(T* source, T* destination, long inner, int count)
        where T : unmanaged
    {
        for (var i = 0; i < count; i++)
            destination[i * inner] = source[i];
    }

    /// <summary>Copies elements that are apart into a compact run.</summary>
    public static void Gather<T>(T* source, long inner, T* destination, int count)
        where T : unmanaged
    {
        for (var i = 0; i < count; i++)
            destination[i] = source[i * inner];
    }

    [SkipLocalsInit]
    private static void EncodePacked<S, VF, VU, T, TFormat>(
        T* source,
        byte* packed,
        int count,
        float factor
    )
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        var codes = stackalloc byte[Piece];
        QuantizeKernel<S, VF, VU, T, TFormat>.Encode(source, codes, count, factor);
        PackedFp4.Pack(codes, packed, count / 2);
    }
}
