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
        if (kind == ElementKind.BFloat16)
            DecodeChunks<BFloat16StreamDecoder256>(source, count, target);
        else
            DecodeChunks<Fp8StreamDecoder256>(source, count, target);
    }

    public static void Stream(ref StreamArguments arguments)
    {
        if (arguments.Kind == ElementKind.BFloat16)
            StreamKernel256.Run<BFloat16StreamDecoder256>(in arguments);
        else
            StreamKernel256.Run<Fp8StreamDecoder256>(in arguments);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeChunks<TDecoder>(byte* source, int count, float* target)
        where TDecoder : struct, IStreamDecoder256
    {
        const int Step = 32;
        var padded = stackalloc byte[2 * TileShape.StreamChunk];
        for (; count > 0; count -= TileShape.StreamChunk)
        {
            if (count < TileShape.StreamChunk)
            {
                var bytes = count * TDecoder.ElementBytes;
                new Span<byte>(padded, 2 * TileShape.StreamChunk).Clear();
                new ReadOnlySpan<byte>(source, bytes).CopyTo(new Span<byte>(padded, bytes));
                source = padded;
            }
            for (var half = 0; half < TileShape.StreamChunk; half += Step)
            {
                Vector256<byte> nan = default;
                TDecoder.Decode(source, out var first, out var second, ref nan);
                var upper = Vector256.Create(0xFFFF_0000u);
                Widen<TDecoder>(first << 16).Store(target);
                Widen<TDecoder>(first & upper).Store(target + 8);
                Widen<TDecoder>(second << 16).Store(target + 16);
                Widen<TDecoder>(second & upper).Store(target + 24);
                source += Step * TDecoder.ElementBytes;
                target += Step;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen<TDecoder>(Vector256<uint> bits)
        where TDecoder : struct, IStreamDecoder256
    {
        if (TDecoder.Scale == 1f)
            return bits.AsSingle();
        // The decoder shows NaN codes as the value behind the largest one.
        var value = bits.AsSingle() * Vector256.Create(TDecoder.Scale);
        return Vector256.ConditionalSelect(
            Vector256.Equals(Vector256.Abs(value), Vector256.Create(480f)),
            Vector256.Create(float.NaN),
            value
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeBFloat16(ushort* source, float* target, int count)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
            BFloat16Decode8(source + i).Store(target + i);
        for (; i < count; i++)
            target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DecodeFp8(byte* source, float* target, int count)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
            Fp8Decode8(source + i).Store(target + i);
        var values = Fp8Tables.Values;
        for (; i < count; i++)
            target[i] = values[source[i]];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> BFloat16Decode8(ushort* source) =>
        (Avx2.ConvertToVector256Int32(source) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Fp8Decode8(byte* source)
    {
        var codes = Avx2.ConvertToVector256Int32(source).AsUInt32();
        var magnitude = codes & Vector256.Create(0x7Fu);
        // As binary32 with the exponent field of E4M3 the value is 2^-120 of what it should be, subnormals included.
        var value = (magnitude << 20).AsSingle() * Vector256.Create(1.329227995784916e36f);
        var nan = Vector256.Equals(magnitude, Vector256.Create(0x7Fu));
        var bits = value.AsUInt32() | (nan & Vector256.Create(0x7FC0_0000u));
        return (bits | ((codes ^ magnitude) << 24)).AsSingle();
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
