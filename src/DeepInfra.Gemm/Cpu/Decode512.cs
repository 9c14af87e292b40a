// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>Decodes blocks of elements to binary32 in order.</summary>
internal static unsafe class Decode512
{
    /// <summary>Byte positions that make <see cref="Fp8Decoder512"/> give 64 codes in order.</summary>
    public static ReadOnlySpan<byte> InOrder =>
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

    /// <summary>Rows of E4M3 codes.</summary>
    /// <param name="source">First row.</param>
    /// <param name="leading">Bytes from one row to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="count">Elements of each row.</param>
    /// <param name="target">First decoded row.</param>
    /// <param name="stride">Values from one decoded row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp8Rows(
        byte* source,
        long leading,
        int rows,
        int count,
        float* target,
        int stride
    )
    {
        var values = Fp8Tables.Values;
        var decoder = Avx512Vbmi.IsSupported ? Fp8Decoder512.Load() : default;
        var order = Vector512.Create(InOrder);
        for (; rows > 0; rows--)
        {
            var i = 0;
            if (Avx512Vbmi.IsSupported)
            {
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
                Fp8Decoder512.Decode16(source + i).Store(target + i);
            for (; i < count; i++)
                target[i] = values[source[i]];
            source += leading;
            target += stride;
        }
    }

    /// <summary>Rows of BFloat16; parameters as in <see cref="Fp8Rows"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BFloat16Rows(
        byte* source,
        long leading,
        int rows,
        int count,
        float* target,
        int stride
    )
    {
        for (; rows > 0; rows--)
        {
            var row = (ushort*)source;
            var i = 0;
            for (; i + 16 <= count; i += 16)
                Widen(row + i).Store(target + i);
            for (; i < count; i++)
                target[i] = BitConverter.UInt32BitsToSingle((uint)row[i] << 16);
            source += leading;
            target += stride;
        }
    }

    /// <summary>Runs of 16 or 32 BFloat16.</summary>
    /// <param name="source">First run.</param>
    /// <param name="leading">Bytes from one run to the next.</param>
    /// <param name="depth">Runs.</param>
    /// <param name="target">The panel.</param>
    /// <param name="stride">Elements of a run.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BFloat16Columns(
        byte* source,
        long leading,
        int depth,
        float* target,
        int stride
    )
    {
        for (; depth > 0; depth--)
        {
            Widen((ushort*)source).Store(target);
            if (stride > 16)
                Widen((ushort*)source + 16).Store(target + 16);
            source += leading;
            target += stride;
        }
    }

    /// <summary>Runs of 16 E4M3 codes, four at a time; returns how many were decoded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Fp8Columns16(byte* source, long leading, int depth, float* target)
    {
        var decoder = Fp8Decoder512.Load();
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

    /// <summary>Runs of 32 E4M3 codes, two at a time; returns how many were decoded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Fp8Columns32(byte* source, long leading, int depth, float* target)
    {
        var decoder = Fp8Decoder512.Load();
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Widen(ushort* source) =>
        (Avx512F.ConvertToVector512UInt32(Vector256.Load(source)) << 16).AsSingle();
}
