// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Fs.Wire;

/// <summary>A counted sequence.</summary>
internal readonly struct ListOf<T, TCodec> : ISerdeCodec<List<T>>
    where TCodec : struct, ISerdeCodec<T>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref List<T> value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var count = v.BeginList(value?.Count ?? 0, TCodec.MinimumBytes, SerdeListKind.List);
        if (TVisitor.IsReader)
        {
            var list = new List<T>(count);
            CollectionsMarshal.SetCount(list, count);
            value = list;
        }

        foreach (ref var element in CollectionsMarshal.AsSpan(value))
        {
            TCodec.Visit(ref v, ref element);
        }

        v.EndList();
    }
}

/// <summary>An ordered set: ascending and without duplicates, whatever the order it arrived in.</summary>
internal readonly struct SetOf<T, TCodec> : ISerdeCodec<List<T>>
    where TCodec : struct, ISerdeCodec<T>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref List<T> value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        if (TVisitor.IsReader)
        {
            ListOf<T, TCodec>.Visit(ref v, ref value);
            Normalise(value);
        }
        else
        {
            var sorted = value is null ? [] : new List<T>(value);
            Normalise(sorted);
            ListOf<T, TCodec>.Visit(ref v, ref sorted);
        }
    }

    private static void Normalise(List<T> list)
    {
        var comparer = SerdeOrder<T>.Comparer;
        list.Sort(comparer);
        var kept = 0;
        for (var i = 0; i < list.Count; i++)
        {
            if (kept == 0 || comparer.Compare(list[i], list[kept - 1]) != 0)
            {
                list[kept++] = list[i];
            }
        }

        list.RemoveRange(kept, list.Count - kept);
    }
}

/// <summary>A map in the sender's order. Of duplicate keys the first wins.</summary>
internal readonly struct MapOf<TKey, TKeyCodec, TValue, TValueCodec>
    : ISerdeCodec<Dictionary<TKey, TValue>>
    where TKey : notnull
    where TKeyCodec : struct, ISerdeCodec<TKey>
    where TValueCodec : struct, ISerdeCodec<TValue>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref Dictionary<TKey, TValue> value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct =>
        SerdeMap.Visit<TVisitor, TKey, TKeyCodec, TValue, TValueCodec>(
            ref v,
            ref value,
            sort: false
        );
}

/// <summary>A map that is written in ascending key order.</summary>
internal readonly struct SortedMapOf<TKey, TKeyCodec, TValue, TValueCodec>
    : ISerdeCodec<Dictionary<TKey, TValue>>
    where TKey : notnull
    where TKeyCodec : struct, ISerdeCodec<TKey>
    where TValueCodec : struct, ISerdeCodec<TValue>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref Dictionary<TKey, TValue> value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct =>
        SerdeMap.Visit<TVisitor, TKey, TKeyCodec, TValue, TValueCodec>(
            ref v,
            ref value,
            sort: true
        );
}

internal static class SerdeMap
{
    public static void Visit<TVisitor, TKey, TKeyCodec, TValue, TValueCodec>(
        ref TVisitor v,
        ref Dictionary<TKey, TValue> value,
        bool sort
    )
        where TVisitor : struct, ISerdeVisitor, allows ref struct
        where TKey : notnull
        where TKeyCodec : struct, ISerdeCodec<TKey>
        where TValueCodec : struct, ISerdeCodec<TValue>
    {
        var minimum = TKeyCodec.MinimumBytes + TValueCodec.MinimumBytes;
        var count = v.BeginList(value?.Count ?? 0, minimum, SerdeListKind.Map);
        if (TVisitor.IsReader)
        {
            value = new Dictionary<TKey, TValue>(count);
            for (var i = 0; i < count; i++)
            {
                TKey key = default!;
                TValue item = default!;
                v.BeginPair();
                TKeyCodec.Visit(ref v, ref key);
                TValueCodec.Visit(ref v, ref item);
                v.EndPair();
                value.TryAdd(key, item);
            }
        }
        else if (count > 0)
        {
            IEnumerable<KeyValuePair<TKey, TValue>> entries = value!;
            if (sort)
            {
                entries = value!.OrderBy(e => e.Key, SerdeOrder<TKey>.Comparer);
            }

            foreach (var entry in entries)
            {
                var key = entry.Key;
                var item = entry.Value;
                v.BeginPair();
                TKeyCodec.Visit(ref v, ref key);
                TValueCodec.Visit(ref v, ref item);
                v.EndPair();
            }
        }

        v.EndList();
    }
}

/// <summary>The order of keys on the wire: numbers by value, strings by bytes.</summary>
internal static class SerdeOrder<T>
{
    public static IComparer<T> Comparer { get; } =
        typeof(T) == typeof(string)
            ? (IComparer<T>)(object)SerdeText.ByteOrder
            : Comparer<T>.Default;
}
