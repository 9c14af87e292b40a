// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Numerics;

/// <summary>FP4 codes two to a byte, the even element in the low nibble.</summary>
internal static unsafe class PackedFp4
{
    // Codes pass through a buffer on the stack, one byte each, so that any width can use the same codecs.
    private const int Chunk = 256;

    public static void Widen(byte* packed, float* destination, int bytes, SimdTier tier)
    {
        var codes = stackalloc byte[2 * Chunk];
        for (var done = 0; done < bytes; done += Chunk)
        {
            var count = Math.Min(Chunk, bytes - done);
            Unpack(packed + done, codes, count);
            SpanMap.Run(
                new FromE2M1(),
                new ReadOnlySpan<byte>(codes, 2 * count),
                new Span<float>(destination + 2 * done, 2 * count),
                tier
            );
        }
    }

    public static void Narrow(
        float* source,
        byte* packed,
        int bytes,
        Fp4Rounding rounding,
        SimdTier tier
    )
    {
        var codes = stackalloc byte[2 * Chunk];
        for (var done = 0; done < bytes; done += Chunk)
        {
            var count = Math.Min(Chunk, bytes - done);
            SpanMap.Run(
                new ToE2M1(rounding),
                new ReadOnlySpan<float>(source + 2 * done, 2 * count),
                new Span<byte>(codes, 2 * count),
                tier
            );
            Pack(codes, packed + done, count);
        }
    }

    /// <summary>Spreads bytes into pairs of codes, one per byte.</summary>
    public static void Unpack(byte* packed, byte* codes, int bytes)
    {
        var i = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            for (; i <= bytes - 8; i += 8)
            {
                var words = Vector128.WidenLower(
                    Vector128.CreateScalar(*(ulong*)(packed + i)).AsByte()
                );
                words =
                    (words & Vector128.Create((ushort)0x0F))
                    | ((words & Vector128.Create((ushort)0xF0)) << 4);
                words.AsByte().Store(codes + 2 * i);
            }
        }
        for (; i < bytes; i++)
        {
            codes[2 * i] = (byte)(packed[i] & 0xF);
            codes[2 * i + 1] = (byte)(packed[i] >> 4);
        }
    }

    /// <summary>Packs pairs of codes, one per byte, into bytes.</summary>
    public static void Pack(byte* codes, byte* packed, int bytes)
    {
        var i = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            for (; i <= bytes - 8; i += 8)
            {
                var words = Vector128.Load(codes + 2 * i).AsUInt16();
                words = (words | (words >>> 4)) & Vector128.Create((ushort)0xFF);
                *(ulong*)(packed + i) = Vector128.Narrow(words, words).AsUInt64().ToScalar();
            }
        }
        for (; i < bytes; i++)
            packed[i] = (byte)(codes[2 * i] | codes[2 * i + 1] << 4);
    }

    private readonly struct FromE2M1 : ISpanMap<byte, float>
    {
        public float Invoke(byte value) => (float)Float4E2M1.FromBits(value);

        public void Invoke<S, VF, VU>(byte* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.Store(SimdCodec<S, VF, VU>.DecodeE2M1(S.LoadBytes(source)), destination);
    }

    private readonly struct ToE2M1(Fp4Rounding rounding) : ISpanMap<float, byte>
    {
        public byte Invoke(float value) => Float4E2M1.FromSingle(value, rounding).Bits;

        public void Invoke<S, VF, VU>(float* source, byte* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct
        {
            var values = S.Load(source);
            var codes =
                rounding == Fp4Rounding.NearestEven
                    ? SimdCodec<S, VF, VU>.EncodeE2M1(values)
                    : SimdCodec<S, VF, VU>.EncodeE2M1HalfDown(values);
            S.StoreBytes(codes, destination);
        }
    }
}
