// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>The eight bytes before each body: checksum and size, both little-endian.</summary>
/// <param name="Checksum">CRC-32C of the body, its low byte replaced by a magic value and the compression bit.</param>
/// <param name="Size">Length of the body in bytes.</param>
internal readonly record struct FrameHeader(uint Checksum, uint Size)
{
    public const int Bytes = 8;

    /// <summary>Bodies of this size or more are refused by every peer.</summary>
    public const int MaximumBodyBytes = 512 * 1024 * 1024;

    private const uint Magic = 0x86;
    private const uint CompressedBit = 1;

    public bool HasMagic => (Checksum & 0xFE) == Magic;

    public bool IsCompressed => (Checksum & CompressedBit) != 0;

    /// <summary>The checksum field for a body whose CRC-32C register, started at zero, is known.</summary>
    public static uint ChecksumOf(uint register, bool compressed) =>
        (register & 0xFFFFFF00) | Magic | (compressed ? CompressedBit : 0);

    public static FrameHeader Read(ReadOnlySpan<byte> bytes) =>
        new(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..])
        );

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Size);
    }

    /// <summary>True when the body's register matches, given the compression bit that the header claims.</summary>
    public bool Matches(uint register) => Checksum == ChecksumOf(register, IsCompressed);

    /// <summary>Computes the checksum field of a body.</summary>
    public static uint ChecksumOf(ReadOnlySpan<byte> body, bool compressed) =>
        ChecksumOf(Crc32C.Append(0, body), compressed);
}
