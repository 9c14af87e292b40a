// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.KvCache;

/// <summary>
/// One immutable file of packed values: the records, then an index of 24 bytes per record {key, expiry, offset,
/// length}, then a footer of 16 bytes {record count, CRC-32C of the index, magic "DIKVSEG1"}. A segment becomes
/// visible by a rename, so readers never meet half of one.
/// </summary>
internal sealed class KvSegment(string path, FileHandle file)
{
    private const int EntryBytes = 24;
    private const int FooterBytes = 16;
    private const ulong Magic = 0x31474553564B4944;

    /// <summary>Bytes that a value takes in a segment beside its own.</summary>
    public const int BytesBesideValue = KvRecordHeader.Bytes + EntryBytes;

    private long _lastUse;

    public string Path { get; } = path;

    public FileHandle File { get; } = file;

    /// <summary>Records that have not been deleted or replaced.</summary>
    public HashSet<ulong> LiveKeys { get; } = [];

    public long LiveBytes { get; set; }

    public long LastUse
    {
        get => Volatile.Read(ref _lastUse);
        set => Volatile.Write(ref _lastUse, value);
    }

    /// <summary>Builds a segment's bytes.</summary>
    public static byte[] Build(IReadOnlyCollection<KvPending> records)
    {
        var bytes = new byte[
            records.Sum(r => KvRecordHeader.Bytes + r.Value.Length)
                + (records.Count * EntryBytes)
                + FooterBytes
        ];
        var position = 0;
        var index = bytes.AsSpan(bytes.Length - FooterBytes - (records.Count * EntryBytes));
        var indexBytes = index[..^FooterBytes];
        var entry = indexBytes;
        foreach (var record in records)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(entry, record.Key);
            BinaryPrimitives.WriteInt64LittleEndian(entry[8..], record.Expiry);
            BinaryPrimitives.WriteInt32LittleEndian(entry[16..], position);
            BinaryPrimitives.WriteInt32LittleEndian(entry[20..], record.Value.Length);
            entry = entry[EntryBytes..];
            KvRecordHeader
                .Create(record.Key, record.Expiry, record.Value)
                .Write(bytes.AsSpan(position));
            record.Value.CopyTo(bytes.AsSpan(position + KvRecordHeader.Bytes));
            position += KvRecordHeader.Bytes + record.Value.Length;
        }

        var footer = index[^FooterBytes..];
        BinaryPrimitives.WriteInt32LittleEndian(footer, records.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(footer[4..], Crc32C.ChunkChecksum(indexBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(footer[8..], Magic);
        return bytes;
    }

    /// <summary>Reads a segment's index; null when the file is not a whole segment.</summary>
    public async ValueTask<List<KvLocation>?> ReadIndexAsync(CancellationToken cancellationToken)
    {
        var length = File.Length;
        var footer = new byte[FooterBytes];
        if (
            length < FooterBytes
            || await File.ReadAsync(footer, length - FooterBytes, cancellationToken)
                .ConfigureAwait(false) != FooterBytes
            || BinaryPrimitives.ReadUInt64LittleEndian(footer.AsSpan(8)) != Magic
        )
        {
            return null;
        }

        var count = BinaryPrimitives.ReadInt32LittleEndian(footer);
        if (count < 0 || (long)count * EntryBytes > Math.Min(length - FooterBytes, Array.MaxLength))
        {
            return null;
        }

        var index = new byte[count * EntryBytes];
        var start = length - FooterBytes - index.Length;
        if (
            await File.ReadAsync(index, start, cancellationToken).ConfigureAwait(false)
                != index.Length
            || Crc32C.ChunkChecksum(index)
                != BinaryPrimitives.ReadUInt32LittleEndian(footer.AsSpan(4))
        )
        {
            return null;
        }

        var locations = new List<KvLocation>(count);
        for (var i = 0; i < count; i++)
        {
            var entry = index.AsSpan(i * EntryBytes, EntryBytes);
            var location = new KvLocation(
                BinaryPrimitives.ReadUInt64LittleEndian(entry),
                BinaryPrimitives.ReadInt64LittleEndian(entry[8..]),
                BinaryPrimitives.ReadInt32LittleEndian(entry[16..]),
                BinaryPrimitives.ReadInt32LittleEndian(entry[20..]),
                this
            );
            if (
                location.Offset < 0
                || location.Length < 0
                || (long)location.Offset + KvRecordHeader.Bytes + location.Length > start
            )
            {
                return null;
            }

            locations.Add(location);
        }

        return locations;
    }
}

/// <summary>A packed value that waits for its segment.</summary>
internal readonly record struct KvPending(ulong Key, long Expiry, byte[] Value);

/// <summary>Where a packed value lies.</summary>
internal readonly record struct KvLocation(
    ulong Key,
    long Expiry,
    int Offset,
    int Length,
    KvSegment Segment
);
