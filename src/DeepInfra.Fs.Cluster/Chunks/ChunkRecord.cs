// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// Committed state of one chunk, as the index stores it. Immutable: an update makes a new record.
/// Page checksums cover <see cref="PageSize"/> bytes each (the last one what is left), so that a small
/// read is verified without reading the whole chunk.
/// </summary>
internal sealed record ChunkRecord
{
    private const byte Format = 1;
    private const int HeaderBytes = 72;

    /// <summary>Largest length of the chunk in bytes, a power of two.</summary>
    public required uint ChunkSize { get; init; }

    /// <summary>Bytes present.</summary>
    public required uint Length { get; init; }

    /// <summary>Where the bytes are.</summary>
    public required BlockAddress Block { get; init; }

    /// <summary>Version that readers see.</summary>
    public required uint CommitVersion { get; init; }

    /// <summary>Newest version applied; equal to <see cref="CommitVersion"/> once committed.</summary>
    public required uint UpdateVersion { get; init; }

    /// <summary>Version of the chain under which the last commit happened.</summary>
    public required uint ChainVersion { get; init; }

    /// <summary>Client of the last update.</summary>
    public Guid LastClient { get; init; }

    /// <summary>Request id of the last update.</summary>
    public ulong LastRequestId { get; init; }

    /// <summary>Time of the last update, microseconds since the Unix epoch.</summary>
    public long Timestamp { get; init; }

    /// <summary>Zero-form checksum of all bytes.</summary>
    public required uint Checksum { get; init; }

    /// <summary>Zero-form checksum of each page.</summary>
    public required uint[] Pages { get; init; }

    /// <summary>Bytes per page checksum: a thousandth of the chunk, at least 4 KiB.</summary>
    public int PageSize => PageSizeOf(ChunkSize);

    /// <summary>The checksum in the form that messages use.</summary>
    public uint MessageChecksum => ZeroCrc.ToMessageForm(Checksum, Length);

    /// <summary>Bytes per page checksum of a chunk size.</summary>
    public static int PageSizeOf(uint chunkSize) => (int)Math.Max(4096, chunkSize / 1024);

    /// <summary>Bytes that page <paramref name="page"/> covers.</summary>
    public int PageLength(int page) => (int)Math.Min(PageSize, Length - ((long)page * PageSize));

    /// <summary>Zero-form checksum of the pages <paramref name="first"/> to <paramref name="end"/> (exclusive).</summary>
    public uint ChecksumOfPages(int first, int end)
    {
        if (first == 0 && end == Pages.Length)
        {
            return Checksum;
        }
        var value = 0u;
        for (var page = first; page < end; page++)
        {
            value = ZeroCrc.Combine(value, Pages[page], PageLength(page));
        }
        return value;
    }

    /// <summary>The bytes kept in the index.</summary>
    public byte[] Encode()
    {
        var bytes = new byte[HeaderBytes + (Pages.Length * sizeof(uint))];
        var span = bytes.AsSpan();
        span[0] = Format;
        span[1] = Block.SizeLog2;
        BinaryPrimitives.WriteUInt32LittleEndian(span[4..], Block.Index);
        BinaryPrimitives.WriteUInt32LittleEndian(span[8..], ChunkSize);
        BinaryPrimitives.WriteUInt32LittleEndian(span[12..], Length);
        BinaryPrimitives.WriteUInt32LittleEndian(span[16..], CommitVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(span[20..], UpdateVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(span[24..], ChainVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(span[28..], Checksum);
        BinaryPrimitives.WriteUInt64LittleEndian(span[32..], LastRequestId);
        BinaryPrimitives.WriteInt64LittleEndian(span[40..], Timestamp);
        LastClient.TryWriteBytes(span[48..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt32LittleEndian(span[64..], (uint)Pages.Length);
        for (var i = 0; i < Pages.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(
                span[(HeaderBytes + (i * sizeof(uint)))..],
                Pages[i]
            );
        }
        return bytes;
    }

    /// <summary>Reads a record back.</summary>
    /// <exception cref="ChunkStoreException">The bytes are not a record of this version.</exception>
    public static ChunkRecord Decode(ReadOnlySpan<byte> bytes, ChunkId chunk)
    {
        if (bytes.Length < HeaderBytes || bytes[0] != Format)
        {
            throw Bad(chunk, $"{bytes.Length} bytes");
        }
        var pages = new uint[BinaryPrimitives.ReadUInt32LittleEndian(bytes[64..]) & 0xFFFF];
        var body = bytes[HeaderBytes..];
        var record = new ChunkRecord
        {
            Block = new(bytes[1], BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..])),
            ChunkSize = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            Length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            CommitVersion = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]),
            UpdateVersion = BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
            ChainVersion = BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]),
            Checksum = BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]),
            LastRequestId = BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            Timestamp = BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            LastClient = new Guid(bytes.Slice(48, 16), bigEndian: true),
            Pages = pages,
        };
        var expected = (record.Length + record.PageSize - 1) / record.PageSize;
        if (
            body.Length != pages.Length * sizeof(uint)
            || pages.Length != expected
            || record.Length > record.ChunkSize
            || record.Length > record.Block.Size
            || record.Block.SizeLog2 is < BlockAddress.MinSizeLog2 or > BlockAddress.MaxSizeLog2
        )
        {
            throw Bad(chunk, $"length {record.Length}, {pages.Length} pages");
        }
        for (var i = 0; i < pages.Length; i++)
        {
            pages[i] = MemoryMarshal.Read<uint>(body[(i * sizeof(uint))..]);
        }
        return record;
    }

    private static ChunkStoreException Bad(ChunkId chunk, string found) =>
        new(
            StatusCode.StorageChunkMetadataUnpackError,
            $"index record of chunk {chunk} is damaged ({found})"
        );
}
