// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// Decodes 64 E4M3 codes at a time by look-up in two tables of 128 bytes, the high and the low byte of the BF16
/// value. Needs AVX512-VBMI. Create one before the loop of a kernel: its fields then stay in registers. Unlike the
/// multiplication it does not slow down on subnormal codes.
/// </summary>
internal readonly ref struct VbmiDecoder
{
    private static readonly Vector512<byte>[] s_constants = MakeConstants();

    private readonly Vector512<byte> _high0;
    private readonly Vector512<byte> _high1;
    private readonly Vector512<byte> _low0;
    private readonly Vector512<byte> _low1;
    private readonly Vector512<byte> _order;

    /// <summary>Loads the tables.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public VbmiDecoder()
    {
        ref var constants = ref MemoryMarshal.GetArrayDataReference(s_constants);
        _high0 = constants;
        _high1 = Unsafe.Add(ref constants, 1);
        _low0 = Unsafe.Add(ref constants, 2);
        _low1 = Unsafe.Add(ref constants, 3);
        _order = Unsafe.Add(ref constants, 4);
    }

    /// <summary>True if this processor can use the class.</summary>
    public static bool IsSupported => Avx512Vbmi.IsSupported;

    /// <summary>Decodes to binary32, in order: 16 values per result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Decode(
        Vector512<byte> codes,
        out Vector512<float> v0,
        out Vector512<float> v1,
        out Vector512<float> v2,
        out Vector512<float> v3
    )
    {
        // Ordered so that the even and odd 16-bit halves of a register are two runs of 16 values.
        var ordered = Avx512Vbmi.PermuteVar64x8(codes, _order);
        DecodePairs(ordered, out var first, out var second);
        v0 = SimdConvert.EvenBFloat16(first.AsUInt32());
        v1 = SimdConvert.OddBFloat16(first.AsUInt32());
        v2 = SimdConvert.EvenBFloat16(second.AsUInt32());
        v3 = SimdConvert.OddBFloat16(second.AsUInt32());
    }

    /// <summary>Decodes to BF16, in order: 32 values per result. E4M3 values are BF16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Decode(
        Vector512<byte> codes,
        out Vector512<ushort> first,
        out Vector512<ushort> second
    )
    {
        var ordered = Avx512F.PermuteVar8x64(
            codes.AsInt64(),
            Vector512.Create(0L, 4, 1, 5, 2, 6, 3, 7)
        );
        DecodePairs(ordered.AsByte(), out first, out second);
    }

    /// <summary>
    /// BF16 values in the order in which they arise: 128-bit lane j of <paramref name="first"/> holds codes 16j to
    /// 16j + 7, of <paramref name="second"/> codes 16j + 8 to 16j + 15.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void DecodePairs(
        Vector512<byte> codes,
        out Vector512<ushort> first,
        out Vector512<ushort> second
    )
    {
        var high = Avx512Vbmi.PermuteVar64x8x2(_high0, codes, _high1);
        high |= codes & Vector512.Create((byte)0x80);
        var low = Avx512Vbmi.PermuteVar64x8x2(_low0, codes, _low1);
        first = Avx512BW.UnpackLow(low, high).AsUInt16();
        second = Avx512BW.UnpackHigh(low, high).AsUInt16();
    }

    private static Vector512<byte>[] MakeConstants()
    {
        Span<byte> bytes = stackalloc byte[256 + 64];
        for (var code = 0; code < 128; code++)
        {
            var bits = BitConverter.SingleToUInt32Bits((float)Float8E4M3.FromBits((byte)code));
            bytes[code] = (byte)(bits >> 24);
            bytes[128 + code] = (byte)(bits >> 16);
        }
        for (var lane = 0; lane < 4; lane++)
        {
            for (var i = 0; i < 16; i++)
                bytes[256 + 16 * lane + i] = (byte)Source(lane, i);
        }
        var constants = new Vector512<byte>[5];
        for (var i = 0; i < constants.Length; i++)
            constants[i] = Vector512.Create<byte>(bytes.Slice(64 * i, 64));
        return constants;
    }

    // Byte i of a lane becomes 16-bit half i of that lane's two results: eight in the first, eight in the second,
    // whose even halves are one run of 16 codes and odd halves the next.
    private static int Source(int lane, int i) =>
        32 * (i / 8) + 16 * (i % 2) + 4 * lane + i % 8 / 2;
}
