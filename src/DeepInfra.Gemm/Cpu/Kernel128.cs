// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>128-bit vectors through the portable API (SSE4, NEON).</summary>
internal readonly unsafe struct Kernel128 : ICpuKernel
{
    public static int MaxRows => MicroKernel128.MaxRows;
    public static int Columns => MicroKernel128.Columns;
    public static bool CanStream => false;

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
        Transpose(stage, rows, depth, target);
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
    ) => MicroKernel128.Run(rows, rowPanel, a, b, depth, tile, scaleA, scaleB, first);

    public static void DecodeForStream(ElementKind kind, byte* source, int count, float* target) =>
        throw new NotSupportedException("The 128-bit tier packs B whatever the number of rows.");

    public static void Stream(ref StreamArguments arguments) =>
        throw new NotSupportedException("The 128-bit tier packs B whatever the number of rows.");

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeBFloat16(ushort* source, float* target, int count)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
        {
            var (low, high) = Vector128.Widen(Vector128.Load(source + i));
            (low << 16).AsSingle().Store(target + i);
            (high << 16).AsSingle().Store(target + i + 4);
        }
        for (; i < count; i++)
            target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeFp8(byte* source, float* target, int count)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var (low, high) = Vector128.Widen(Vector128.Load(source + i));
            var (c0, c1) = Vector128.Widen(low);
            var (c2, c3) = Vector128.Widen(high);
            Decode4(c0).Store(target + i);
            Decode4(c1).Store(target + i + 4);
            Decode4(c2).Store(target + i + 8);
            Decode4(c3).Store(target + i + 12);
        }
        var values = Fp8Tables.Values;
        for (; i < count; i++)
            target[i] = values[source[i]];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Decode4(Vector128<uint> codes)
    {
        var magnitude = codes & Vector128.Create(0x7Fu);
        // As binary32 with the exponent field of E4M3 the value is 2^-120 of what it should be, subnormals included.
        var value = (magnitude << 20).AsSingle() * Vector128.Create(1.329227995784916e36f);
        var nan = Vector128.Equals(magnitude, Vector128.Create(0x7Fu));
        var bits = value.AsUInt32() | (nan & Vector128.Create(0x7FC0_0000u));
        return (bits | ((codes ^ magnitude) << 24)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(float* source, int rows, int depth, float* target)
    {
        for (var row = 0; row < rows; row++)
        {
            var from = source + row * TileShape.Depth;
            var to = target + row;
            for (var k = 0; k < depth; k++, to += MicroKernel128.Columns)
                *to = from[k];
        }
    }
}
