// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.Fs.Wire;

/// <summary>
/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) as a raw register: no initial or final inversion unless a
/// method says so. Long inputs run as three interleaved streams, whose registers are merged with tables that advance
/// a register over a fixed number of zero bytes (the method of Mark Adler's crc32c.c): one CRC instruction has a
/// latency of three cycles and a throughput of one, so three independent chains keep the unit busy.
/// </summary>
internal static class Crc32C
{
    private const uint Polynomial = 0x82F63B78;
    private const int LongBlock = 4096;
    private const int ShortBlock = 256;

    private static readonly uint[] s_longShift = CreateShiftTable(LongBlock);
    private static readonly uint[] s_shortShift = CreateShiftTable(ShortBlock);

    // s_zeroShifts[k] advances a register over 2^k zero bytes; made when first needed.
    private static readonly uint[]?[] s_zeroShifts = new uint[]?[64];

    /// <summary>Advances the register over <paramref name="data"/>.</summary>
    public static uint Append(uint register, ReadOnlySpan<byte> data)
    {
        ref var p = ref MemoryMarshal.GetReference(data);
        nuint offset = 0;
        var left = (nuint)data.Length;
        while (left >= 3 * LongBlock)
        {
            register = ThreeBlocks(register, ref Unsafe.Add(ref p, offset), LongBlock, s_longShift);
            offset += 3 * LongBlock;
            left -= 3 * LongBlock;
        }

        while (left >= 3 * ShortBlock)
        {
            register = ThreeBlocks(
                register,
                ref Unsafe.Add(ref p, offset),
                ShortBlock,
                s_shortShift
            );
            offset += 3 * ShortBlock;
            left -= 3 * ShortBlock;
        }

        return AppendReference(register, data[(int)offset..]);
    }

    /// <summary>Advances the register with a single stream; the oracle of <see cref="Append"/>.</summary>
    public static uint AppendReference(uint register, ReadOnlySpan<byte> data)
    {
        while (data.Length >= 8)
        {
            register = BitOperations.Crc32C(
                register,
                System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(data)
            );
            data = data[8..];
        }

        foreach (var b in data)
        {
            register = BitOperations.Crc32C(register, b);
        }

        return register;
    }

    /// <summary>The register after <paramref name="zeroBytes"/> more zero bytes.</summary>
    public static uint Shift(uint register, ulong zeroBytes)
    {
        for (var k = 0; zeroBytes != 0; k++, zeroBytes >>= 1)
        {
            if ((zeroBytes & 1) != 0)
            {
                register = TableShift(
                    Volatile.Read(ref s_zeroShifts[k]) ?? CreateZeroShift(k),
                    register
                );
            }
        }

        return register;
    }

    /// <summary>
    /// Checksum of a chunk's content as it travels in <c>ChecksumInfo</c>: initial register 0xFFFFFFFF, no final
    /// inversion, that is, the complement of the usual CRC-32C.
    /// </summary>
    public static uint ChunkChecksum(ReadOnlySpan<byte> data) => Append(uint.MaxValue, data);

    /// <summary>Chunk checksum of two pieces of content one after the other.</summary>
    /// <param name="first">Chunk checksum of the first piece.</param>
    /// <param name="second">Chunk checksum of the second piece.</param>
    /// <param name="secondLength">Length of the second piece in bytes.</param>
    public static uint CombineChunk(uint first, uint second, ulong secondLength) =>
        Shift(~first, secondLength) ^ second;

    /// <summary>
    /// Advances a raw register over data of which only the chunk checksum is known: a register is linear in the
    /// data and in its initial value, so the bytes need not be read again.
    /// </summary>
    /// <param name="register">Register before the data.</param>
    /// <param name="chunkChecksum">Chunk checksum of the data.</param>
    /// <param name="length">Length of the data in bytes.</param>
    public static uint AppendKnown(uint register, uint chunkChecksum, ulong length) =>
        Shift(~register, length) ^ chunkChecksum;

    private static uint ThreeBlocks(uint register, ref byte p, nuint block, uint[] shift)
    {
        ulong a = register;
        ulong b = 0;
        ulong c = 0;
        if (System.Runtime.Intrinsics.X86.Sse42.X64.IsSupported)
        {
            for (nuint i = 0; i < block; i += 8)
            {
                a = System.Runtime.Intrinsics.X86.Sse42.X64.Crc32(
                    a,
                    Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref p, i))
                );
                b = System.Runtime.Intrinsics.X86.Sse42.X64.Crc32(
                    b,
                    Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref p, i + block))
                );
                c = System.Runtime.Intrinsics.X86.Sse42.X64.Crc32(
                    c,
                    Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref p, i + (2 * block)))
                );
            }
        }
        else
        {
            for (nuint i = 0; i < block; i += 8)
            {
                a = BitOperations.Crc32C((uint)a, ReadLittleEndian(ref Unsafe.Add(ref p, i)));
                b = BitOperations.Crc32C(
                    (uint)b,
                    ReadLittleEndian(ref Unsafe.Add(ref p, i + block))
                );
                c = BitOperations.Crc32C(
                    (uint)c,
                    ReadLittleEndian(ref Unsafe.Add(ref p, i + (2 * block)))
                );
            }
        }

        var merged = TableShift(shift, (uint)a) ^ (uint)b;
        return TableShift(shift, merged) ^ (uint)c;
    }

    private static ulong ReadLittleEndian(ref byte p)
    {
        var value = Unsafe.ReadUnaligned<ulong>(ref p);
        return BitConverter.IsLittleEndian
            ? value
            : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint TableShift(uint[] table, uint register) =>
        table[register & 0xFF]
        ^ table[256 + ((register >> 8) & 0xFF)]
        ^ table[512 + ((register >> 16) & 0xFF)]
        ^ table[768 + (register >> 24)];

    private static uint[] CreateShiftTable(ulong zeroBytes)
    {
        var power = ZeroPower(zeroBytes);
        var table = new uint[1024];
        for (uint n = 0; n < 256; n++)
        {
            for (var octet = 0; octet < 4; octet++)
            {
                table[(octet * 256) + (int)n] = Multiply(power, n << (8 * octet));
            }
        }

        return table;
    }

    private static uint ZeroPower(ulong zeroBytes)
    {
        // Reflected representation: bit 31 is x^0.
        var result = 0x80000000u;
        var square = 0x00800000u;
        for (; zeroBytes != 0; zeroBytes >>= 1)
        {
            if ((zeroBytes & 1) != 0)
            {
                result = Multiply(square, result);
            }

            square = Multiply(square, square);
        }

        return result;
    }

    private static uint[] CreateZeroShift(int log2)
    {
        var table = CreateShiftTable(1ul << log2);
        Volatile.Write(ref s_zeroShifts[log2], table);
        return table;
    }

    /// <summary>Product of two reflected polynomials modulo the CRC polynomial.</summary>
    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (var bit = 0x80000000u; bit != 0; bit >>= 1)
        {
            product ^= (a & bit) != 0 ? b : 0;
            b = (b >> 1) ^ ((b & 1) != 0 ? Polynomial : 0);
        }

        return product;
    }
}
