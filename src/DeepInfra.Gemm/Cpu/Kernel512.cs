// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>AVX-512 F/BW/DQ, with VBMI where the machine has it.</summary>
internal readonly unsafe struct Kernel512 : ICpuKernel
{
    /// <summary>Byte positions that make <see cref="Fp8Decoder512"/> give byte j of all 16 words in vector j.</summary>
    public static ReadOnlySpan<byte> ByWord =>
        [
            0,
            1,
            4,
            5,
            8,
            9,
            12,
            13,
            2,
            3,
            6,
            7,
            10,
            11,
            14,
            15,
            16,
            17,
            20,
            21,
            24,
            25,
            28,
            29,
            18,
            19,
            22,
            23,
            26,
            27,
            30,
            31,
            32,
            33,
            36,
            37,
            40,
            41,
            44,
            45,
            34,
            35,
            38,
            39,
            42,
            43,
            46,
            47,
            48,
            49,
            52,
            53,
            56,
            57,
            60,
            61,
            50,
            51,
            54,
            55,
            58,
            59,
            62,
            63,
        ];

    public static int MaxRows => MicroKernel512.MaxRows;
    public static int Columns => MicroKernel512.Columns;
    public static bool CanStream => true;

    public static void PackRows(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        float* target
    )
    {
        if (kind == ElementKind.BFloat16)
            Decode512.BFloat16Rows(source, leadingBytes, rows, depth, target, TileShape.Depth);
        else
            Decode512.Fp8Rows(source, leadingBytes, rows, depth, target, TileShape.Depth);
    }

    public static void PackColumns(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int width,
        int depth,
        float* target,
        int stride
    )
    {
        var whole = TileShape.WholeRuns(
            width,
            stride,
            depth,
            leadingBytes,
            kind == ElementKind.BFloat16 ? 2 : 1
        );
        if (kind == ElementKind.BFloat16)
        {
            Decode512.BFloat16Columns(source, leadingBytes, whole, target, stride);
            Decode512.BFloat16Rows(
                source + whole * leadingBytes,
                leadingBytes,
                depth - whole,
                width,
                target + whole * stride,
                stride
            );
            return;
        }
        if (!Avx512Vbmi.IsSupported)
            whole = 0;
        else if (stride == TileShape.ColumnPanelStride)
            whole = Decode512.Fp8Columns16(source, leadingBytes, whole, target);
        else
            whole = Decode512.Fp8Columns32(source, leadingBytes, whole, target);
        Decode512.Fp8Rows(
            source + whole * leadingBytes,
            leadingBytes,
            depth - whole,
            width,
            target + whole * stride,
            stride
        );
    }

    public static void PackTransposed(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        float* target,
        float* stage
    )
    {
        if (kind == ElementKind.Float8E4M3 && !Avx512Vbmi.IsSupported)
        {
            Decode512.Fp8Rows(source, leadingBytes, rows, depth, stage, TileShape.Depth);
            Transpose512.Floats(stage, rows, depth, target);
            return;
        }
        var elementBytes = kind == ElementKind.BFloat16 ? 2 : 1;
        var chunk = Transpose512.ChunkBytes / elementBytes;
        for (var k = 0; k < depth; k += chunk)
        {
            for (var column = 0; column < Columns; column += 16)
            {
                if (column >= rows)
                    break;
                var valid = Math.Min(16, rows - column);
                var from = source + column * leadingBytes + k * elementBytes;
                var leading = leadingBytes;
                var bytes = Math.Min(chunk, depth - k) * elementBytes;
                if (valid < 16 || bytes < Transpose512.ChunkBytes)
                {
                    from = Transpose512.CopyChunk(from, leading, valid, bytes, (byte*)stage);
                    leading = Transpose512.ChunkBytes;
                }
                var to = target + k * Columns + column;
                if (kind == ElementKind.BFloat16)
                    Transpose512.BFloat16(from, leading, to, Columns);
                else
                    Transpose512.Fp8(from, leading, to, Columns, ByWord);
            }
        }
    }

    public static void Multiply(
        int rows,
        bool rowPanel,
        float* a,
        float* b,
        int depth,
        float* tile,
        float* scaleA,
        float* scaleB,
        bool first
    ) => MicroKernel512.Run(rows, rowPanel, a, b, depth, tile, scaleA, scaleB, first);

    public static void DecodeForStream(ElementKind kind, byte* source, int count, float* target)
    {
        if (kind == ElementKind.BFloat16)
            DecodeChunks<BFloat16Decoder512>(source, count, target);
        else if (Avx512Vbmi.IsSupported)
            DecodeChunks<Fp8Decoder512>(source, count, target);
        else
            Kernel256.DecodeForStream(kind, source, count, target);
    }

    public static void Stream(ref StreamArguments arguments)
    {
        if (arguments.Kind == ElementKind.BFloat16)
            StreamKernel512.Run<BFloat16Decoder512>(in arguments);
        else if (Avx512Vbmi.IsSupported)
            StreamKernel512.Run<Fp8Decoder512>(in arguments);
        else
            Kernel256.Stream(ref arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeChunks<TDecoder>(byte* source, int count, float* target)
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        var decoder = TDecoder.Load();
        for (; count >= TileShape.StreamChunk; count -= TileShape.StreamChunk)
        {
            DecodeChunk(decoder, source, target);
            source += TileShape.StreamChunk * TDecoder.ElementBytes;
            target += TileShape.StreamChunk;
        }
        if (count == 0)
            return;
        var padded = stackalloc byte[2 * TileShape.StreamChunk];
        var bytes = count * TDecoder.ElementBytes;
        new ReadOnlySpan<byte>(source, bytes).CopyTo(new Span<byte>(padded, bytes));
        DecodeChunk(decoder, padded, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DecodeChunk<TDecoder>(TDecoder decoder, byte* source, float* target)
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        decoder.Decode(source, out var first, out var second);
        var upper = Vector512.Create(0xFFFF_0000u);
        (first << 16).AsSingle().Store(target);
        (first & upper).AsSingle().Store(target + 16);
        (second << 16).AsSingle().Store(target + 32);
        (second & upper).AsSingle().Store(target + 48);
    }
}
