// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.Fs.Wire;

/// <summary>
/// Second pass of encoding: writes front to back into a buffer that the sizer's total fits. Large bulk fields are
/// not copied; they are noted in a gather list together with the place they belong to.
/// </summary>
internal ref struct SerdeWriter : ISerdeVisitor
{
    private readonly Span<byte> _buffer;
    private readonly SerdeTableLengths _tables;
    private readonly List<GatheredBlob>? _gathered;
    private int _position;

    /// <summary>A writer.</summary>
    /// <param name="buffer">Where to write.</param>
    /// <param name="tables">The table lengths that the sizer found for the same value.</param>
    /// <param name="gathered">Receives bulk fields of <see cref="GatherThreshold"/> bytes or more; null copies all.</param>
    /// <param name="position">Where in the buffer to start.</param>
    public SerdeWriter(
        Span<byte> buffer,
        SerdeTableLengths tables,
        List<GatheredBlob>? gathered = null,
        int position = 0
    )
    {
        _buffer = buffer;
        _tables = tables;
        _gathered = gathered;
        _position = position;
    }

    /// <summary>Below this a copy is cheaper than another entry in the socket's gather list.</summary>
    public const int GatherThreshold = 4096;

    public static bool IsReader => false;

    /// <summary>Bytes in the buffer; gathered bulk bytes are not among them.</summary>
    public readonly int Position => _position;

    public readonly void BeginStruct(string typeName) { }

    public readonly void EndStruct() { }

    public TableScope BeginTable()
    {
        WriteVarint((uint)_tables.Next());
        return default;
    }

    public readonly void EndTable(TableScope scope) { }

    public readonly bool BeginField(string name) => true;

    public int BeginList(int count, int minimumElementBytes, SerdeListKind kind)
    {
        WriteVarint((uint)count);
        return count;
    }

    public int BeginShortList(int count)
    {
        _buffer[_position++] = (byte)count;
        return count;
    }

    public readonly void EndList() { }

    public readonly void BeginPair() { }

    public readonly void EndPair() { }

    public void Optional(ref bool present) => _buffer[_position++] = present ? (byte)1 : (byte)0;

    public void ResultTag(ref bool hasValue) => _buffer[_position++] = hasValue ? (byte)1 : (byte)0;

    public readonly void EndResult() { }

    public void VariantName(ref string name) => Text(ref name);

    public readonly void EndVariant() { }

    public readonly void Void() { }

    public void Padding() => _buffer[_position++] = 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scalar<T>(ref T value)
        where T : unmanaged
    {
        var destination = _buffer.Slice(_position, Unsafe.SizeOf<T>());
        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.Write(destination, in value);
        }
        else
        {
            ScalarBytes.WriteReversed(destination, in value);
        }

        _position += Unsafe.SizeOf<T>();
    }

    public void Enumeration<T>(ref T value)
        where T : unmanaged, Enum => Scalar(ref value);

    public void Varint32(ref uint value) => WriteVarint(value);

    public void Varint64(ref ulong value) => WriteVarint(value);

    public void Text(ref string value)
    {
        if (string.IsNullOrEmpty(value))
        {
            _buffer[_position++] = 0;
            return;
        }

        WriteVarint((uint)SerdeText.GetByteCount(value));
        _position += SerdeText.Encode(value, _buffer[_position..]);
    }

    public void Uuid(ref Guid value)
    {
        value.TryWriteBytes(_buffer[_position..], bigEndian: true, out _);
        _position += 16;
    }

    public void Address(ref NodeAddress value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_buffer[_position..], value.Ip);
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[(_position + 4)..], value.Port);
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[(_position + 6)..], (ushort)value.Type);
        _position += 8;
    }

    public void ChunkId(ref ChunkId value)
    {
        WriteVarint((uint)value.Length);
        value.CopyTo(_buffer[_position..]);
        _position += value.Length;
    }

    public void Blob(ref InlineData value)
    {
        WriteVarint((uint)value.Length);
        if (_gathered is not null && value.Length >= GatherThreshold)
        {
            _gathered.Add(new GatheredBlob(_position, value));
        }
        else
        {
            value.CopyTo(_buffer[_position..]);
            _position += value.Length;
        }
    }

    private void WriteVarint(ulong value)
    {
        while (value >= 0x80)
        {
            _buffer[_position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _buffer[_position++] = (byte)value;
    }
}

/// <summary>A bulk field that goes to the socket from where it lies.</summary>
/// <param name="Position">Where in the written buffer it belongs.</param>
/// <param name="Data">The bytes.</param>
internal readonly record struct GatheredBlob(int Position, InlineData Data);
