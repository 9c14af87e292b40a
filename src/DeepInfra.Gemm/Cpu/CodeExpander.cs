// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core;

namespace DeepInfra.Gemm.Cpu;

/// <summary>Turns codes into longer codes of the same values, so that FP4 operands take the E4M3 paths and E5M2 operands those of BFloat16.</summary>
internal static unsafe class CodeExpander
{
    private static readonly ushort[] s_e5m2 = BuildE5M2();

    /// <summary>E4M3 codes of 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.</summary>
    private static ReadOnlySpan<byte> Codes =>
        [
            0x00,
            0x30,
            0x38,
            0x3C,
            0x40,
            0x44,
            0x48,
            0x4C,
            0x80,
            0xB0,
            0xB8,
            0xBC,
            0xC0,
            0xC4,
            0xC8,
            0xCC,
        ];

    /// <summary>Expands E2M1 codes of one row to E4M3; the first one is in a low nibble.</summary>
    /// <param name="source">Packed codes.</param>
    /// <param name="target">One byte per code.</param>
    /// <param name="count">Codes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp4(byte* source, byte* target, int count)
    {
        var i = 0;
        var table = Vector128.Create(Codes);
        for (; i + 32 <= count; i += 32)
        {
            // A word that starts as the byte hl ends as the bytes l, h.
            var (low, high) = Vector128.Widen(Vector128.Load(source + i / 2));
            var mask = Vector128.Create((ushort)0x0F0F);
            low = (low | (low << 4)) & mask;
            high = (high | (high << 4)) & mask;
            Vector128.Shuffle(table, low.AsByte()).Store(target + i);
            Vector128.Shuffle(table, high.AsByte()).Store(target + i + 16);
        }
        for (; i < count; i++)
            target[i] = Codes[(source[i / 2] >> (4 * (i & 1))) & 0xF];
    }

    /// <summary>Expands E5M2 codes to BFloat16.</summary>
    /// <param name="source">Codes.</param>
    /// <param name="target">BFloat16 bits.</param>
    /// <param name="count">Codes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void E5M2(byte* source, ushort* target, int count)
    {
        fixed (ushort* values = s_e5m2)
            for (var i = 0; i < count; i++)
                target[i] = values[source[i]];
    }

    private static ushort[] BuildE5M2()
    {
        var values = new ushort[256];
        for (var code = 0; code < values.Length; code++)
            values[code] = ((BFloat16)(float)Float8E5M2.FromBits((byte)code)).Bits;
        return values;
    }
}
