// SPDX-License-Identifier: MIT
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

/// <summary>Builds a wire value from the JSON notation of the golden data, independently of the decoder.</summary>
internal struct JsonLoader(JsonElement root) : ISerdeVisitor
{
    private readonly Stack<Frame> _frames = new([new Frame(root) { Next = root }]);

    public static bool IsReader => true;

    public static T Load<T, TCodec>(JsonElement json)
        where TCodec : struct, ISerdeCodec<T>
    {
        var loader = new JsonLoader(json);
        T value = default!;
        TCodec.Visit(ref loader, ref value);
        return value;
    }

    public readonly void BeginStruct(string typeName) => _frames.Push(new Frame(Take()));

    public readonly void EndStruct() => _frames.Pop();

    public readonly TableScope BeginTable() => default;

    public readonly void EndTable(TableScope scope) { }

    public readonly bool BeginField(string name)
    {
        var frame = _frames.Peek();
        var unique = name;
        for (var i = 2; !frame.Seen.Add(unique); i++)
        {
            unique = $"{name}#{i}";
        }

        frame.Next = frame.Node.GetProperty(unique);
        return true;
    }

    public readonly int BeginList(int count, int minimumElementBytes, SerdeListKind kind)
    {
        var array = Take();
        _frames.Push(new Frame(array) { Index = 0 });
        return array.GetArrayLength();
    }

    public readonly int BeginShortList(int count) => BeginList(count, 0, SerdeListKind.List);

    public readonly void EndList() => _frames.Pop();

    public readonly void BeginPair() => _frames.Push(new Frame(Take()) { Index = 0 });

    public readonly void EndPair() => _frames.Pop();

    public readonly void Optional(ref bool present)
    {
        var element = Take();
        present = element.ValueKind != JsonValueKind.Null;
        if (present)
        {
            _frames.Peek().PushedBack = element;
        }
    }

    public readonly void ResultTag(ref bool hasValue)
    {
        var element = Take();
        hasValue = element.TryGetProperty("$ok", out var inner);
        if (!hasValue)
        {
            inner = element.GetProperty("$error");
        }

        _frames.Peek().PushedBack = inner;
    }

    public readonly void EndResult() { }

    public readonly void VariantName(ref string name)
    {
        var element = Take();
        name = element.GetProperty("$variant").GetString()!;
        _frames.Push(new Frame(element) { Next = element.GetProperty("value") });
    }

    public readonly void EndVariant() => _frames.Pop();

    public readonly void Void() => Take();

    public readonly void Padding() => Take();

    public readonly void Scalar<T>(ref T value)
        where T : unmanaged
    {
        var element = Take();
        value =
            typeof(T) == typeof(double) ? As<T, double>(element.GetDouble())
            : typeof(T) == typeof(float) ? As<T, float>((float)element.GetDouble())
            : element.Deserialize<T>();
    }

    public readonly void Enumeration<T>(ref T value)
        where T : unmanaged, Enum
    {
        var element = Take();
        var number =
            element.ValueKind == JsonValueKind.Object
                ? element.GetProperty("n").GetInt64()
                : element.GetInt64();
        value = (T)Enum.ToObject(typeof(T), number);
    }

    public readonly void Varint32(ref uint value) => value = Take().GetUInt32();

    public readonly void Varint64(ref ulong value) => value = Take().GetUInt64();

    public readonly void Text(ref string value)
    {
        var element = Take();
        value =
            element.ValueKind == JsonValueKind.Object
                ? SerdeText.Decode(Convert.FromHexString(element.GetProperty("$hex").GetString()!))
                : element.GetString()!;
    }

    public readonly void Uuid(ref Guid value) =>
        value = Guid.Parse(Take().GetProperty("$uuid").GetString()!);

    public readonly void Address(ref NodeAddress value)
    {
        var element = Take();
        _ = NodeAddress.TryParse(
            $"{element.GetProperty("type").GetString()}://1.1.1.1:1",
            out var typed
        );
        var ip = IPAddress.Parse(element.GetProperty("$addr").GetString()!);
        value = NodeAddress.From(
            new IPEndPoint(ip, element.GetProperty("port").GetInt32()),
            typed.Type
        );
    }

    public readonly void ChunkId(ref ChunkId value)
    {
        var element = Take();
        value = new ChunkId(
            element.ValueKind == JsonValueKind.Object
                ? Convert.FromHexString(element.GetProperty("$hex").GetString()!)
                : System.Text.Encoding.UTF8.GetBytes(element.GetString()!)
        );
    }

    public readonly void Blob(ref InlineData value)
    {
        var element = Take();
        value = new InlineData(Convert.FromHexString(element.GetProperty("$bytes").GetString()!));
    }

    private static T As<T, TFrom>(TFrom value) => Unsafe.As<TFrom, T>(ref value);

    private readonly JsonElement Take()
    {
        var frame = _frames.Peek();
        if (frame.PushedBack is { } pushed)
        {
            frame.PushedBack = null;
            return pushed;
        }

        return frame.Index >= 0 ? frame.Node[frame.Index++] : frame.Next;
    }

    private sealed class Frame(JsonElement node)
    {
        public JsonElement Node { get; } = node;

        public JsonElement Next { get; set; }

        public JsonElement? PushedBack { get; set; }

        public int Index { get; set; } = -1;

        public HashSet<string> Seen { get; } = [];
    }
}
