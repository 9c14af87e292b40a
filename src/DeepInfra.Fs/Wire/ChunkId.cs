// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace DeepInfra.Fs.Wire;

/// <summary>
/// Id of a chunk. Chunks of files have 16 bytes: two zero bytes, then inode, track and chunk index in big-endian
/// order, so that ids sort by file and position. Servers accept other lengths; those are kept as they are.
/// </summary>
internal readonly struct ChunkId : IEquatable<ChunkId>, IComparable<ChunkId>
{
    public const int FileChunkBytes = 16;

    private readonly ulong _high;
    private readonly ulong _low;

    // Only for ids that are not 16 bytes long; null otherwise.
    private readonly byte[]? _other;
    private readonly bool _isFileChunk;

    public ChunkId(ulong high, ulong low)
    {
        _high = high;
        _low = low;
        _isFileChunk = true;
    }

    /// <summary>The id of a file's chunk.</summary>
    public ChunkId(ulong inode, ushort track, uint chunkIndex)
        : this(inode >> 16, (inode << 48) | ((ulong)track << 32) | chunkIndex) { }

    public ChunkId(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == FileChunkBytes)
        {
            _high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
            _low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
            _isFileChunk = true;
        }
        else if (!bytes.IsEmpty)
        {
            _other = bytes.ToArray();
        }
    }

    public int Length => _isFileChunk ? FileChunkBytes : _other?.Length ?? 0;

    public ulong High => _high;

    public ulong Low => _low;

    /// <summary>Inode part of a file chunk's id.</summary>
    public ulong Inode => (_high << 16) | (_low >> 48);

    public ushort Track => (ushort)(_low >> 32);

    public uint ChunkIndex => (uint)_low;

    public bool IsFileChunk => _isFileChunk;

    /// <summary>First id after all chunks of track 0 of the file: the exclusive end of its range.</summary>
    public static ChunkId EndOfFile(ulong inode) => new(inode, track: 1, chunkIndex: 0);

    /// <summary>The following id, carrying through all 128 bits.</summary>
    public ChunkId Next()
    {
        var low = unchecked(_low + 1);
        return new ChunkId(low == 0 ? unchecked(_high + 1) : _high, low);
    }

    /// <summary>Writes the bytes; the destination holds at least <see cref="Length"/>.</summary>
    public void CopyTo(Span<byte> destination)
    {
        if (_isFileChunk)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination, _high);
            BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _low);
        }
        else
        {
            _other.AsSpan().CopyTo(destination);
        }
    }

    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        CopyTo(bytes);
        return bytes;
    }

    public bool Equals(ChunkId other) =>
        _isFileChunk == other._isFileChunk
        && _high == other._high
        && _low == other._low
        && _other.AsSpan().SequenceEqual(other._other);

    public override bool Equals(object? obj) => obj is ChunkId other && Equals(other);

    public override int GetHashCode()
    {
        if (_isFileChunk)
        {
            return HashCode.Combine(_high, _low);
        }

        var hash = new HashCode();
        hash.AddBytes(_other);
        return hash.ToHashCode();
    }

    public int CompareTo(ChunkId other)
    {
        if (_isFileChunk && other._isFileChunk)
        {
            var high = _high.CompareTo(other._high);
            return high != 0 ? high : _low.CompareTo(other._low);
        }

        return ToArray().AsSpan().SequenceCompareTo(other.ToArray());
    }

    public static bool operator ==(ChunkId left, ChunkId right) => left.Equals(right);

    public static bool operator !=(ChunkId left, ChunkId right) => !left.Equals(right);

    public static bool operator <(ChunkId left, ChunkId right) => left.CompareTo(right) < 0;

    public static bool operator >(ChunkId left, ChunkId right) => left.CompareTo(right) > 0;

    public static bool operator <=(ChunkId left, ChunkId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(ChunkId left, ChunkId right) => left.CompareTo(right) >= 0;

    /// <summary>Four groups of eight upper-case digits, as servers print it; plain digits for other lengths.</summary>
    public override string ToString() =>
        _isFileChunk
            ? $"{(uint)(_high >> 32):X8}-{(uint)_high:X8}-{(uint)(_low >> 32):X8}-{(uint)_low:X8}"
            : Convert.ToHexString(_other ?? []);
}
