// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.Fs.Wire;

/// <summary>
/// Decodes values from a contiguous buffer. Counts and lengths are checked against the bytes that remain before
/// anything is allocated, so hostile input cannot make it allocate more than a small multiple of its own size.
/// </summary>
internal ref struct SerdeReader : ISerdeVisitor
{
    public const int MaximumDepth = 64;

    private readonly ReadOnlySpan<byte> _data;
    private readonly ReadOnlyMemory<byte> _memory;
    private readonly bool _slicesMemory;
    private readonly bool _checksumBlobs;
    private int _position;
    private int _end;
    private int _depth;

    /// <summary>A reader whose bulk fields are copied out of the buffer.</summary>
    public SerdeReader(ReadOnlySpan<byte> data)
    {
        _data = data;
        _end = data.Length;
    }

    /// <summary>A reader whose bulk fields are slices of <paramref name="data"/>.</summary>
    /// <param name="data">The bytes.</param>
    /// <param name="checksumBlobs">Whether large bulk fields are checksummed on the way, see <see cref="LargestBlobLength"/>.</param>
    public SerdeReader(ReadOnlyMemory<byte> data, bool checksumBlobs = false)
    {
        _checksumBlobs = checksumBlobs;
        _data = data.Span;
        _memory = data;
        _slicesMemory = true;
        _end = data.Length;
    }

    public static bool IsReader => true;

    public readonly int Position => _position;

    public readonly int Remaining => _end - _position;

    /// <summary>Where the bulk field starts that this reader has checksummed; 0 if there was none.</summary>
    public int LargestBlobStart { readonly get; private set; }

    /// <summary>Length of the bulk field that this reader has checksummed; 0 if there was none.</summary>
    public int LargestBlobLength { readonly get; private set; }

    /// <summary>Chunk checksum of that field.</summary>
    public uint LargestBlobChecksum { readonly get; private set; }

    /// <summary>Decodes one value of a codec.</summary>
    public T Read<T, TCodec>()
        where TCodec : struct, ISerdeCodec<T>
    {
        T value = default!;
        TCodec.Visit(ref this, ref value);
        return value;
    }

    /// <summary>Decodes one structure.</summary>
    public T Read<T>()
        where T : ISerdeStruct<T>, new() => Read<T, StructOf<T>>();

    public readonly void BeginStruct(string typeName) { }

    public readonly void EndStruct() { }

    public TableScope BeginTable()
    {
        var length = ReadLength("table");
        if (++_depth > MaximumDepth)
        {
            SerdeException.ThrowTooDeep();
        }

        var scope = new TableScope(_end, _position + length);
        _end = scope.Second;
        return scope;
    }

    public void EndTable(TableScope scope)
    {
        // Whatever a newer peer appended after the last field that we know is skipped.
        _position = scope.Second;
        _end = scope.First;
        _depth--;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool BeginField(string name) => _position < _end;

    public int BeginList(int count, int minimumElementBytes, SerdeListKind kind)
    {
        var read = ReadVarint64();
        var minimum = Math.Max(1, minimumElementBytes);
        if (read > (ulong)(Remaining / minimum))
        {
            SerdeException.ThrowTooShort(
                $"container of {read} elements",
                read > long.MaxValue / 64 ? long.MaxValue : (long)read * minimum,
                Remaining
            );
        }

        return (int)read;
    }

    public int BeginShortList(int count)
    {
        byte read = 0;
        Scalar(ref read);
        return read;
    }

    public readonly void EndList() { }

    public readonly void BeginPair() { }

    public readonly void EndPair() { }

    public void Optional(ref bool present) => ReadTag(ref present);

    public void ResultTag(ref bool hasValue) => ReadTag(ref hasValue);

    public readonly void EndResult() { }

    public void VariantName(ref string name) => Text(ref name);

    public readonly void EndVariant() { }

    public readonly void Void() { }

    public void Padding() => Take(1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scalar<T>(ref T value)
        where T : unmanaged
    {
        var bytes = Take(Unsafe.SizeOf<T>());
        if (typeof(T) == typeof(bool))
        {
            // Any non-zero byte counts as true; other bit patterns must not reach a bool.
            value = Unsafe.BitCast<bool, T>(bytes[0] != 0);
        }
        else if (BitConverter.IsLittleEndian)
        {
            value = MemoryMarshal.Read<T>(bytes);
        }
        else
        {
            value = ScalarBytes.ReadReversed<T>(bytes);
        }
    }

    public void Enumeration<T>(ref T value)
        where T : unmanaged, Enum => Scalar(ref value);

    public void Varint32(ref uint value)
    {
        uint result = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            if (_position == _end)
            {
                SerdeException.ThrowUnterminatedVarint();
            }

            var b = _data[_position++];
            result |= shift < 32 ? (uint)(b & 0x7F) << shift : 0;
            if (b < 0x80)
            {
                value = result;
                return;
            }
        }

        SerdeException.ThrowUnterminatedVarint();
    }

    public void Varint64(ref ulong value) => value = ReadVarint64();

    public void Text(ref string value) => value = SerdeText.Decode(ReadBytes("string"));

    public void Uuid(ref Guid value) => value = new Guid(Take(16), bigEndian: true);

    public void Address(ref NodeAddress value)
    {
        var bytes = Take(8);
        value = new NodeAddress(
            BinaryPrimitives.ReadUInt32BigEndian(bytes),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]),
            (AddressType)BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..])
        );
    }

    public void ChunkId(ref ChunkId value) => value = new ChunkId(ReadBytes("chunk id"));

    public void Blob(ref InlineData value)
    {
        var bytes = ReadBytes("byte vector");
        if (!_slicesMemory)
        {
            value = new InlineData(bytes.ToArray());
            return;
        }

        var start = _position - bytes.Length;
        uint? checksum = null;
        if (_checksumBlobs && bytes.Length >= SerdeWriter.GatherThreshold)
        {
            checksum = Crc32C.ChunkChecksum(bytes);
            if (bytes.Length > LargestBlobLength)
            {
                LargestBlobStart = start;
                LargestBlobLength = bytes.Length;
                LargestBlobChecksum = checksum.Value;
            }
        }

        value = new InlineData(_memory.Slice(start, bytes.Length), checksum);
    }

    /// <summary>Skips a counted byte string and returns its length.</summary>
    public int SkipCounted() => ReadBytes("string").Length;

    private void ReadTag(ref bool value)
    {
        // Only 1 means present; every other value is the empty state.
        value = Take(1)[0] == 1;
    }

    private ReadOnlySpan<byte> ReadBytes(string what)
    {
        var length = ReadLength(what);
        return Take(length);
    }

    private int ReadLength(string what)
    {
        var length = ReadVarint64();
        if (length > (ulong)Remaining)
        {
            SerdeException.ThrowTooShort(
                what,
                length > long.MaxValue ? long.MaxValue : (long)length,
                Remaining
            );
        }

        return (int)length;
    }

    private ulong ReadVarint64()
    {
        if (_position < _end && _data[_position] < 0x80)
        {
            return _data[_position++];
        }

        ulong result = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (_position == _end)
            {
                SerdeException.ThrowUnterminatedVarint();
            }

            var b = _data[_position++];
            result |= shift < 64 ? (ulong)(b & 0x7F) << shift : 0;
            if (b < 0x80)
            {
                return result;
            }
        }

        SerdeException.ThrowUnterminatedVarint();
        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> Take(int count)
    {
        if (_end - _position < count)
        {
            SerdeException.ThrowTooShort("value", count, _end - _position);
        }

        var bytes = _data.Slice(_position, count);
        _position += count;
        return bytes;
    }
}
