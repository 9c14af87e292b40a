// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Fs.Wire;

/// <summary>Field-level helpers of <c>Visit</c> methods: a field is skipped when the reader's table has ended.</summary>
internal static class SerdeFields
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Field<TVisitor, T, TCodec>(
        this ref TVisitor v,
        string name,
        ref T value,
        TCodec codec
    )
        where TVisitor : struct, ISerdeVisitor, allows ref struct
        where TCodec : struct, ISerdeCodec<T>
    {
        _ = codec;
        if (v.BeginField(name))
        {
            TCodec.Visit(ref v, ref value);
        }
    }

    /// <summary>A number, bool or id.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Number<TVisitor, T>(this ref TVisitor v, string name, ref T value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
        where T : unmanaged
    {
        if (v.BeginField(name))
        {
            v.Scalar(ref value);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Enum<TVisitor, T>(this ref TVisitor v, string name, ref T value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
        where T : unmanaged, Enum
    {
        if (v.BeginField(name))
        {
            v.Enumeration(ref value);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void String<TVisitor>(this ref TVisitor v, string name, ref string value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        if (v.BeginField(name))
        {
            v.Text(ref value);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Struct<TVisitor, T>(this ref TVisitor v, string name, ref T value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
        where T : ISerdeStruct<T>, new()
    {
        if (v.BeginField(name))
        {
            StructOf<T>.Visit(ref v, ref value);
        }
    }

    /// <summary>A field that has a name and no bytes.</summary>
    public static void Dummy<TVisitor>(this ref TVisitor v, string name)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        // A table that holds only such fields is empty, so the reader has reached its end here: that is fine.
        if (v.BeginField(name))
        {
            v.Void();
        }
    }

    /// <summary>One alternative of a variant, once its name is known.</summary>
    public static void Alternative<TVisitor, TBase, T>(this ref TVisitor v, ref TBase value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
        where TBase : class
        where T : class, TBase, ISerdeStruct<T>, new()
    {
        var alternative = TVisitor.IsReader ? null! : (T)value;
        StructOf<T>.Visit(ref v, ref alternative);
        value = alternative;
    }
}
