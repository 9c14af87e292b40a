// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

/// <summary>One type of the golden data with everything the tests do with it.</summary>
internal abstract class WireType
{
    public abstract byte[] EncodeJson(JsonElement json);

    public abstract byte[] EncodeDefault();

    /// <summary>Decodes, dumps and re-encodes.</summary>
    public abstract (JsonNode? Json, byte[] Again, int Left) Decode(byte[] bytes);

    /// <summary>Decodes without looking at the value.</summary>
    public abstract void Probe(byte[] bytes);

    /// <summary>The field names of a fresh value in wire order.</summary>
    public abstract JsonNode? DumpDefault();
}

internal sealed class WireType<T, TCodec>(Func<T> fresh) : WireType
    where TCodec : struct, ISerdeCodec<T>
{
    public override byte[] EncodeJson(JsonElement json) =>
        Serde.ToArray<T, TCodec>(JsonLoader.Load<T, TCodec>(json));

    public override byte[] EncodeDefault() => Serde.ToArray<T, TCodec>(fresh());

    public override (JsonNode? Json, byte[] Again, int Left) Decode(byte[] bytes)
    {
        var reader = new SerdeReader((ReadOnlySpan<byte>)bytes);
        var value = reader.Read<T, TCodec>();
        return (
            JsonDumper.Dump<T, TCodec>(value),
            Serde.ToArray<T, TCodec>(value),
            reader.Remaining
        );
    }

    public override void Probe(byte[] bytes) => Serde.Read<T, TCodec>(bytes);

    public override JsonNode? DumpDefault() => JsonDumper.Dump<T, TCodec>(fresh());
}
