// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>256-bit vectors with fused multiply-add (AVX2).</summary>
internal readonly unsafe struct Kernel256 : ICpuKernel
{
    public static int MaxRows => MicroKernel256.MaxRows;
    public static int Columns => MicroKernel256.Columns;
    public static bool CanStream => true;

    private static void Decode(ElementKind kind, byte* source, float* target, int count)
    {
        if (kind == ElementKind.BFloat16)
            DecodeBFloat16((ushort*)source, target, count);
        else
            DecodeFp8(source, target, count);
    }

    public static void PackRows(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        float* target
    )
    {
        for (var row = 0; row < rows; row++)
            Decode(kind, source + row * leadingBytes, target + row * TileShape.Depth, depth);
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
        for (var k = 0; k < depth; k++)
            Decode(kind, source + k * leadingBytes, target + k * stride, width);
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
        for (var row = 0; row < rows; row++)
            Decode(kind, source + row * leadingBytes, stage + row * TileShape.Depth, depth);
        for (var column = 0; column < rows; column += 8)
        for (var k = 0; k < depth; k += 8)
            Transpose(
                stage + column * TileShape.Depth + k,
                target + k * MicroKernel256.Columns + column
            );
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
    ) => MicroKernel256.Run(rows, rowPanel, a, b, depth, tile, scaleA, scaleB, first);

    public static void DecodeForStream(ElementKind kind, byte* source, int count, float* target)
    {
        Decode(kind, source, target, count);
        var padded =
            (count + TileShape.StreamChunk - 1) / TileShape.StreamChunk * TileShape.StreamChunk;
        new Span<float>(target + count, padded - count).Clear();
    }

    public static void Stream(ref StreamArguments arguments)
    {
        if (arguments.Kind == ElementKind.BFloat16)
            StreamKernel256.Run<BFloat16Decoder256>(ref arguments);
        else
            StreamKernel256.Run<Fp8Decoder256>(ref arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeBFloat16(ushort* source, float* target, int count)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
            BFloat16Decoder256.Decode8((byte*)(source + i)).Store(target + i);
        for (; i < count; i++)
            target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeFp8(byte* source, float* target, int count)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
            Fp8Decoder256.Decode8(source + i).Store(target + i);
        var values = Fp8Tables.Values;
        for (; i < count; i++)
            target[i] = values[source[i]];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(float* source, float* target)
    {
        const int From = TileShape.Depth;
        const int To = MicroKernel256.Columns;
        var r0 = Vector256.Load(source);
        var r1 = Vector256.Load(source + From);
        var r2 = Vector256.Load(source + 2 * From);
        var r3 = Vector256.Load(source + 3 * From);
        var r4 = Vector256.Load(source + 4 * From);
        var r5 = Vector256.Load(source + 5 * From);
        var r6 = Vector256.Load(source + 6 * From);
        var r7 = Vector256.Load(source + 7 * From);
        var l01 = Avx.UnpackLow(r0, r1).AsDouble();
        var h01 = Avx.UnpackHigh(r0, r1).AsDouble();
        var l23 = Avx.UnpackLow(r2, r3).AsDouble();
        var h23 = Avx.UnpackHigh(r2, r3).AsDouble();
        var l45 = Avx.UnpackLow(r4, r5).AsDouble();
        var h45 = Avx.UnpackHigh(r4, r5).AsDouble();
        var l67 = Avx.UnpackLow(r6, r7).AsDouble();
        var h67 = Avx.UnpackHigh(r6, r7).AsDouble();
        var a0 = Avx.UnpackLow(l01, l23);
        var a1 = Avx.UnpackHigh(l01, l23);
        var a2 = Avx.UnpackLow(h01, h23);
        var a3 = Avx.UnpackHigh(h01, h23);
        var b0 = Avx.UnpackLow(l45, l67);
        var b1 = Avx.UnpackHigh(l45, l67);
        var b2 = Avx.UnpackLow(h45, h67);
        var b3 = Avx.UnpackHigh(h45, h67);
        Avx.Permute2x128(a0, b0, 0x20).AsSingle().Store(target);
        Avx.Permute2x128(a1, b1, 0x20).AsSingle().Store(target + To);
        Avx.Permute2x128(a2, b2, 0x20).AsSingle().Store(target + 2 * To);
        Avx.Permute2x128(a3, b3, 0x20).AsSingle().Store(target + 3 * To);
        Avx.Permute2x128(a0, b0, 0x31).AsSingle().Store(target + 4 * To);
        Avx.Permute2x128(a1, b1, 0x31).AsSingle().Store(target + 5 * To);
        Avx.Permute2x128(a2, b2, 0x31).AsSingle().Store(target + 6 * To);
        Avx.Permute2x128(a3, b3, 0x31).AsSingle().Store(target + 7 * To);
    }
}
