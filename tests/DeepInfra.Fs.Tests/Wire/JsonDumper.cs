// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json.Nodes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

/// <summary>Turns a wire value into JSON in the notation of the golden data.</summary>
internal struct JsonDumper() : ISerdeVisitor
{
    private readonly Stack<Frame> _frames = new();
    private readonly JsonArray _root = [];

    public static bool IsReader => false;

    public static JsonNode? Dump<T, TCodec>(T value)
        where TCodec : struct, ISerdeCodec<T>
    {
        var dumper = new JsonDumper();
        TCodec.Visit(ref dumper, ref value);
        var result = dumper._root[0];
        dumper._root.Clear();
        return result;
    }

    public readonly void BeginStruct(string typeName) => _frames.Push(new Frame(new JsonObject()));

    public readonly void EndStruct() => Emit(_frames.Pop().Node);

    public readonly TableScope BeginTable() => default;

    public readonly void EndTable(TableScope scope) { }

    public readonly bool BeginField(string name)
    {
        var frame = _frames.Peek();
        var unique = name;
        for (var i = 2; ((JsonObject)frame.Node!).ContainsKey(unique); i++)
        {
            unique = $"{name}#{i}";
        }

        frame.Field = unique;
        return true;
    }

    public readonly int BeginList(int count, int minimumElementBytes, SerdeListKind kind)
    {
        _frames.Push(new Frame(new JsonArray()));
        return count;
    }

    public readonly int BeginShortList(int count) => BeginList(count, 0, SerdeListKind.List);

    public readonly void EndList() => Emit(_frames.Pop().Node);

    public readonly void BeginPair() => _frames.Push(new Frame(new JsonArray()));

    public readonly void EndPair() => Emit(_frames.Pop().Node);

    public readonly void Optional(ref bool present)
    {
        if (!present)
        {
            Emit(null);
        }
    }

    public readonly void ResultTag(ref bool hasValue) =>
        _frames.Push(new Frame(new JsonObject()) { Field = hasValue ? "$ok" : "$error" });

    public readonly void EndResult() => Emit(_frames.Pop().Node);

    public readonly void VariantName(ref string name) =>
        _frames.Push(new Frame(new JsonObject { ["$variant"] = name }) { Field = "value" });

    public readonly void EndVariant() => Emit(_frames.Pop().Node);

    public readonly void Void() => Emit(new JsonObject { ["$void"] = true });

    public readonly void Padding() => Emit(new JsonObject { ["$pad"] = 0 });

    public readonly void Scalar<T>(ref T value)
        where T : unmanaged => Emit(JsonValue.Create(value));

    public readonly void Enumeration<T>(ref T value)
        where T : unmanaged, Enum =>
        Emit(JsonValue.Create(Convert.ToInt64(value, CultureInfo.InvariantCulture)));

    public readonly void Varint32(ref uint value) => Emit(JsonValue.Create(value));

    public readonly void Varint64(ref ulong value) => Emit(JsonValue.Create(value));

    public readonly void Text(ref string value)
    {
        var bytes = SerdeText.ToBytes(value ?? "");
        Emit(
            System.Text.Unicode.Utf8.IsValid(bytes)
                ? JsonValue.Create(value ?? "")
                : new JsonObject { ["$hex"] = Convert.ToHexStringLower(bytes) }
        );
    }

    public readonly void Uuid(ref Guid value) =>
        Emit(new JsonObject { ["$uuid"] = value.ToString("D") });

    public readonly void Address(ref NodeAddress value) =>
        Emit(
            new JsonObject
            {
                ["$addr"] = value.ToEndPoint().Address.ToString(),
                ["port"] = value.Port,
                ["type"] = value.ToString().Split("://")[0],
            }
        );

    public readonly void ChunkId(ref ChunkId value) =>
        Emit(new JsonObject { ["$hex"] = Convert.ToHexStringLower(value.ToArray()) });

    public readonly void Blob(ref InlineData value) =>
        Emit(new JsonObject { ["$bytes"] = Convert.ToHexStringLower(value.ToArray()) });

    private readonly void Emit(JsonNode? node)
    {
        if (!_frames.TryPeek(out var frame))
        {
            _root.Add(node);
        }
        else if (frame.Node is JsonArray array)
        {
            array.Add(node);
        }
        else
        {
            ((JsonObject)frame.Node!)[frame.Field!] = node;
        }
    }

    private sealed class Frame(JsonNode node)
    {
        public JsonNode? Node { get; } = node;

        public string? Field { get; set; }
    }
}
