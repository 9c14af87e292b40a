// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>Encodes and decodes whole values.</summary>
internal static class Serde
{
    /// <summary>The encoding of a structure as a new array.</summary>
    public static byte[] ToArray<T>(T value)
        where T : ISerdeStruct<T>, new() => ToArray<T, StructOf<T>>(value);

    /// <summary>The encoding of a value as a new array.</summary>
    public static byte[] ToArray<T, TCodec>(T value)
        where TCodec : struct, ISerdeCodec<T>
    {
        var tables = SerdeTableLengths.Rent();
        var sizer = new SerdeSizer(tables);
        TCodec.Visit(ref sizer, ref value);
        var bytes = new byte[sizer.Length];
        var writer = new SerdeWriter(bytes, tables);
        TCodec.Visit(ref writer, ref value);
        tables.Return();
        return bytes;
    }

    /// <summary>Decodes one structure; bytes after it are ignored.</summary>
    /// <exception cref="SerdeException">The bytes do not decode.</exception>
    public static T Read<T>(ReadOnlySpan<byte> bytes)
        where T : ISerdeStruct<T>, new() => new SerdeReader(bytes).Read<T>();

    /// <summary>Decodes one value; bytes after it are ignored.</summary>
    /// <exception cref="SerdeException">The bytes do not decode.</exception>
    public static T Read<T, TCodec>(ReadOnlySpan<byte> bytes)
        where TCodec : struct, ISerdeCodec<T> => new SerdeReader(bytes).Read<T, TCodec>();
}
