// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.KvCache;

/// <summary>
/// The 32 bytes before each stored value: magic "DIKV", CRC-32C of the rest of the header and the value, key, expiry
/// in microseconds since the Unix epoch (0 for none), length of the value, four reserved bytes.
/// </summary>
internal readonly record struct KvRecordHeader(ulong Key, long Expiry, int Length, uint Checksum)
{
    public const int Bytes = 32;

    private const uint Magic = 0x564B4944;

    public static KvRecordHeader Create(ulong key, long expiry, ReadOnlySpan<byte> value)
    {
        var header = new KvRecordHeader(key, expiry, value.Length, 0);
        return header with { Checksum = header.ComputeChecksum(value) };
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, out KvRecordHeader header)
    {
        header = default;
        if (bytes.Length < Bytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            return false;
        }

        header = new KvRecordHeader(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..])
        );
        return header.Length >= 0;
    }

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Checksum);
        WriteChecked(bytes[8..]);
    }

    public bool Matches(ReadOnlySpan<byte> value) =>
        value.Length == Length && ComputeChecksum(value) == Checksum;

    private uint ComputeChecksum(ReadOnlySpan<byte> value)
    {
        Span<byte> fields = stackalloc byte[Bytes - 8];
        WriteChecked(fields);
        return Crc32C.Append(Crc32C.Append(uint.MaxValue, fields), value);
    }

    private void WriteChecked(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Key);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], Expiry);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[16..], Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[20..], 0);
    }
}
