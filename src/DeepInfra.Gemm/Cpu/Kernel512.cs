// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>AVX-512 F/BW/DQ, with VBMI where the machine has it.</summary>
internal readonly unsafe struct Kernel512 : ICpuKernel
{
    /// <summary>Byte positions that make <see cref="Fp8TableDecoder512"/> give 64 codes in order.</summary>
    private static ReadOnlySpan<byte> InOrder =>
        [
            0,
            16,
            1,
            17,
            2,
            18,
            3,
            19,
            32,
            48,
            33,
            49,
            34,
            50,
            35,
            51,
            4,
            20,
            5,
            21,
            6,
            22,
            7,
            23,
            36,
            52,
            37,
            53,
            38,
            54,
            39,
            55,
            8,
            24,
            9,
            25,
            10,
            26,
            11,
            27,
            40,
            56,
            41,
            57,
            42,
            58,
            43,
            59,
            12,
            28,
            13,
            29,
            14,
            30,
            15,
            31,
            44,
            60,
            45,
            61,
            46,
            62,
            47,
            63,
        ];

    /// <summary>Byte positions that make it give byte j of all 16 words in vector j.</summary>
    private static ReadOnlySpan<byte> ByWord =>
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

    public static void Decode(ElementKind kind, byte* source, float* target, int count)
    {
        if (kind == ElementKind.BFloat16)
            DecodeBFloat16((ushort*)source, target, count);
        else
            DecodeFp8(source, target, count);
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
        if (kind == ElementKind.BFloat16)
        {
            for (var k = 0; k < depth; k++)
                DecodeBFloat16((ushort*)(source + k * leadingBytes), target + k * stride, width);
            return;
        }
        var done = 0;
        if (Avx512Vbmi.IsSupported)
        {
            // Reading a whole run of 16 or 32 codes may touch the next k, which exists except at the end.
            if (stride == TileShape.ColumnPanelStride)
                done = PackColumns16(source, leadingBytes, depth - 1, target);
            else if (width == stride)
                done = PackColumns32(source, leadingBytes, depth, target);
        }
        for (var k = done; k < depth; k++)
            DecodeFp8(source + k * leadingBytes, target + k * stride, width);
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
            for (var row = 0; row < rows; row++)
                DecodeFp8(source + row * leadingBytes, stage + row * TileShape.Depth, depth);
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
                    from = CopyChunk(from, leading, valid, bytes, (byte*)stage);
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
            DecodeChunks<Fp8TableDecoder512>(source, count, target);
        else
            DecodeChunks<Fp8ArithmeticDecoder512>(source, count, target);
    }

    public static void Stream(ref StreamArguments arguments)
    {
        if (arguments.Kind == ElementKind.BFloat16)
            StreamKernel512.Run<BFloat16Decoder512>(ref arguments);
        else if (Avx512Vbmi.IsSupported)
            StreamKernel512.Run<Fp8TableDecoder512>(ref arguments);
        else
            StreamKernel512.Run<Fp8ArithmeticDecoder512>(ref arguments);
    }

    /// <summary>Copies a chunk that is not whole, so that it can be read as a whole one; the rest is zero.</summary>
    private static byte* CopyChunk(byte* source, long leading, int rows, int bytes, byte* target)
    {
        new Span<byte>(target, 16 * Transpose512.ChunkBytes).Clear();
        for (var row = 0; row < rows; row++)
            new ReadOnlySpan<byte>(source + row * leading, bytes).CopyTo(
                new Span<byte>(target + row * Transpose512.ChunkBytes, bytes)
            );
        return target;
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
        decoder.Decode(source, out var v0, out var v1, out var v2, out var v3);
        v0.Store(target);
        v1.Store(target + 16);
        v2.Store(target + 32);
        v3.Store(target + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeBFloat16(ushort* source, float* target, int count)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
            (Avx512F.ConvertToVector512UInt32(Vector256.Load(source + i)) << 16)
                .AsSingle()
                .Store(target + i);
        for (; i < count; i++)
            target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeFp8(byte* source, float* target, int count)
    {
        var i = 0;
        if (Avx512Vbmi.IsSupported && count >= 64)
        {
            var decoder = Fp8TableDecoder512.Load();
            var order = Vector512.Create(InOrder);
            for (; i + 64 <= count; i += 64)
            {
                var codes = Avx512Vbmi.PermuteVar64x8(Vector512.Load(source + i), order);
                decoder.Decode(codes, out var v0, out var v1, out var v2, out var v3);
                v0.Store(target + i);
                v1.Store(target + i + 16);
                v2.Store(target + i + 32);
                v3.Store(target + i + 48);
            }
        }
        for (; i + 16 <= count; i += 16)
            Fp8ArithmeticDecoder512.Decode16(source + i).Store(target + i);
        var values = Fp8Tables.Values;
        for (; i < count; i++)
            target[i] = values[source[i]];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PackColumns16(byte* source, long leading, int depth, float* target)
    {
        var decoder = Fp8TableDecoder512.Load();
        var order = Vector512.Create(InOrder);
        var k = 0;
        for (; k + 4 <= depth; k += 4)
        {
            var low = Vector256.Create(Vector128.Load(source), Vector128.Load(source + leading));
            source += 2 * leading;
            var high = Vector256.Create(Vector128.Load(source), Vector128.Load(source + leading));
            source += 2 * leading;
            var codes = Avx512Vbmi.PermuteVar64x8(Vector512.Create(low, high), order);
            decoder.Decode(codes, out var v0, out var v1, out var v2, out var v3);
            v0.Store(target);
            v1.Store(target + 16);
            v2.Store(target + 32);
            v3.Store(target + 48);
            target += 64;
        }
        return k;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PackColumns32(byte* source, long leading, int depth, float* target)
    {
        var decoder = Fp8TableDecoder512.Load();
        var order = Vector512.Create(InOrder);
        var k = 0;
        for (; k + 2 <= depth; k += 2)
        {
            var codes = Vector512.Create(Vector256.Load(source), Vector256.Load(source + leading));
            source += 2 * leading;
            codes = Avx512Vbmi.PermuteVar64x8(codes, order);
            decoder.Decode(codes, out var v0, out var v1, out var v2, out var v3);
            v0.Store(target);
            v1.Store(target + 16);
            v2.Store(target + 32);
            v3.Store(target + 48);
            target += 64;
        }
        return k;
    }
}
