// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Fs.Wire;

/// <summary>Fixed-width little-endian numbers.</summary>
internal readonly struct Scalar<T> : ISerdeCodec<T>
    where T : unmanaged
{
    public static int MinimumBytes => Unsafe.SizeOf<T>();

    public static void Visit<TVisitor>(ref TVisitor v, ref T value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Scalar(ref value);
}

/// <summary>Enums as their underlying integer.</summary>
internal readonly struct EnumOf<T> : ISerdeCodec<T>
    where T : unmanaged, Enum
{
    public static int MinimumBytes => Unsafe.SizeOf<T>();

    public static void Visit<TVisitor>(ref TVisitor v, ref T value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Enumeration(ref value);
}

/// <summary>A number of one to five bytes, seven bits each, low group first.</summary>
internal readonly struct Varint32 : ISerdeCodec<uint>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref uint value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Varint32(ref value);
}

/// <summary>A number of one to ten bytes, seven bits each, low group first.</summary>
internal readonly struct Varint64 : ISerdeCodec<ulong>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref ulong value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Varint64(ref value);
}

/// <summary>Strings, paths, tokens and other byte strings; see <see cref="SerdeText"/> for invalid UTF-8.</summary>
internal readonly struct Text : ISerdeCodec<string>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref string value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Text(ref value);
}

/// <summary>Sixteen bytes in textual order.</summary>
internal readonly struct Uuid : ISerdeCodec<Guid>
{
    public static int MinimumBytes => 16;

    public static void Visit<TVisitor>(ref TVisitor v, ref Guid value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Uuid(ref value);
}

/// <summary>IPv4 address, port and transport; eight bytes.</summary>
internal readonly struct AddressCodec : ISerdeCodec<NodeAddress>
{
    public static int MinimumBytes => 8;

    public static void Visit<TVisitor>(ref TVisitor v, ref NodeAddress value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Address(ref value);
}

/// <summary>Chunk ids as byte strings.</summary>
internal readonly struct ChunkIdCodec : ISerdeCodec<ChunkId>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref ChunkId value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.ChunkId(ref value);
}

/// <summary>A byte vector that is not copied on its way.</summary>
internal readonly struct Blob : ISerdeCodec<InlineData>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref InlineData value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Blob(ref value);
}

/// <summary>A value without bytes.</summary>
internal readonly struct Nothing : ISerdeCodec<Unit>
{
    public static int MinimumBytes => 0;

    public static void Visit<TVisitor>(ref TVisitor v, ref Unit value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct => v.Void();
}

/// <summary>A nested structure with its own length prefix.</summary>
internal readonly struct StructOf<T> : ISerdeCodec<T>
    where T : ISerdeStruct<T>, new()
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref T value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        if (TVisitor.IsReader)
        {
            value = new T();
        }

        v.BeginStruct(T.WireName);
        T.Visit(ref v, ref value);
        v.EndStruct();
    }
}

/// <summary>An optional value type.</summary>
internal readonly struct OptionalValue<T, TCodec> : ISerdeCodec<T?>
    where T : struct
    where TCodec : struct, ISerdeCodec<T>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref T? value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var present = value.HasValue;
        v.Optional(ref present);
        if (present)
        {
            var inner = value.GetValueOrDefault();
            TCodec.Visit(ref v, ref inner);
            value = inner;
        }
        else
        {
            value = null;
        }
    }
}

/// <summary>An optional reference type; null is absent.</summary>
internal readonly struct OptionalRef<T, TCodec> : ISerdeCodec<T?>
    where T : class
    where TCodec : struct, ISerdeCodec<T>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref T? value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var present = value is not null;
        v.Optional(ref present);
        if (present)
        {
            var inner = value!;
            TCodec.Visit(ref v, ref inner);
            value = inner;
        }
        else
        {
            value = null;
        }
    }
}
