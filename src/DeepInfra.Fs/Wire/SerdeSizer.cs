// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Fs.Wire;

/// <summary>
/// First pass of encoding: adds up lengths and remembers the length of every table in the order in which the
/// writer meets them, so that the second pass writes front to back without moving bytes.
/// </summary>
internal struct SerdeSizer : ISerdeVisitor
{
    private readonly SerdeTableLengths _tables;
    private int _length;
    private int _gathered;

    /// <summary>A sizer that records into <paramref name="tables"/>, which is emptied first.</summary>
    public SerdeSizer(SerdeTableLengths tables)
    {
        _tables = tables;
        tables.Clear();
    }

    public static bool IsReader => false;

    /// <summary>Bytes so far, bulk bytes included.</summary>
    public readonly int Length => _length;

    /// <summary>Bytes of the bulk fields that a gathering writer leaves where they are.</summary>
    public readonly int GatheredLength => _gathered;

    public static int VarintBytes(ulong value) =>
        value < 0x80 ? 1 : (70 - System.Numerics.BitOperations.LeadingZeroCount(value)) / 7;

    public readonly void BeginStruct(string typeName) { }

    public readonly void EndStruct() { }

    public readonly TableScope BeginTable() => new(_tables.Reserve(), _length);

    public void EndTable(TableScope scope)
    {
        var body = _length - scope.Second;
        _tables[scope.First] = body;
        Add(VarintBytes((uint)body));
    }

    public readonly bool BeginField(string name) => true;

    public int BeginList(int count, int minimumElementBytes, SerdeListKind kind)
    {
        Add(VarintBytes((uint)count));
        return count;
    }

    public int BeginShortList(int count)
    {
        Add(1);
        return count;
    }

    public readonly void EndList() { }

    public readonly void BeginPair() { }

    public readonly void EndPair() { }

    public void Optional(ref bool present) => Add(1);

    public void ResultTag(ref bool hasValue) => Add(1);

    public readonly void EndResult() { }

    public void VariantName(ref string name) => Text(ref name);

    public readonly void EndVariant() { }

    public readonly void Void() { }

    public void Padding() => Add(1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scalar<T>(ref T value)
        where T : unmanaged => Add(Unsafe.SizeOf<T>());

    public void Enumeration<T>(ref T value)
        where T : unmanaged, Enum => Add(Unsafe.SizeOf<T>());

    public void Varint32(ref uint value) => Add(VarintBytes(value));

    public void Varint64(ref ulong value) => Add(VarintBytes(value));

    public void Text(ref string value) =>
        AddCounted(string.IsNullOrEmpty(value) ? 0 : SerdeText.GetByteCount(value));

    public void Uuid(ref Guid value) => Add(16);

    public void Address(ref NodeAddress value) => Add(8);

    public void ChunkId(ref ChunkId value) => AddCounted(value.Length);

    public void Blob(ref InlineData value)
    {
        AddCounted(value.Length);
        if (value.Length >= SerdeWriter.GatherThreshold)
        {
            _gathered += value.Length;
        }
    }

    private void AddCounted(int bytes)
    {
        Add(VarintBytes((uint)bytes));
        Add(bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add(int bytes) => _length = checked(_length + bytes);
}

/// <summary>The lengths of a message's tables in writing order; reused between messages.</summary>
internal sealed class SerdeTableLengths
{
    [ThreadStatic]
    private static SerdeTableLengths? s_cached;

    private int[] _lengths = new int[64];
    private int _count;
    private int _next;

    public int this[int index]
    {
        set => _lengths[index] = value;
    }

    /// <summary>Takes this thread's instance; give it back with <see cref="Return"/>.</summary>
    public static SerdeTableLengths Rent()
    {
        var lengths = s_cached ?? new SerdeTableLengths();
        s_cached = null;
        return lengths;
    }

    public void Return() => s_cached = this;

    public void Clear()
    {
        _count = 0;
        _next = 0;
    }

    public int Reserve()
    {
        if (_count == _lengths.Length)
        {
            Array.Resize(ref _lengths, _count * 2);
        }

        return _count++;
    }

    /// <summary>The next length in writing order.</summary>
    public int Next() => _lengths[_next++];
}
