// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using DeepInfra.Core;

namespace DeepInfra.Testing;

/// <summary>Reads NumPy <c>.npy</c> files of versions 1 to 3, little-endian, row-major.</summary>
public static partial class NpyReader
{
    /// <exception cref="InvalidDataException">Not such a file, or another element type.</exception>
    public static Tensor<T> Read<T>(string path)
        where T : unmanaged
    {
        using var stream = File.OpenRead(path);
        return Read<T>(stream);
    }

    /// <exception cref="InvalidDataException">Not such a file, or another element type.</exception>
    public static Tensor<T> Read<T>(Stream stream)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        var header = ReadHeader(stream);
        var descriptor = Field(DescriptorPattern(), header, "descr");
        if (!NpyFormat.Accepts(DTypes.Of<T>(), descriptor))
            throw new InvalidDataException(
                $"Expected {DTypes.Of<T>()} elements, got '{descriptor}'"
            );
        if (Field(OrderPattern(), header, "fortran_order") != "False")
            throw new InvalidDataException("Column-major files are not supported.");
        Span<long> extents = stackalloc long[Shape.MaxRank];
        var rank = 0;
        var parts = Field(ShapePattern(), header, "shape")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length > Shape.MaxRank)
            throw new InvalidDataException($"Rank {parts.Length} is too high.");
        foreach (var part in parts)
        {
            if (
                !long.TryParse(
                    part,
                    NumberStyles.None,
                    CultureInfo.InvariantCulture,
                    out extents[rank++]
                )
            )
                throw new InvalidDataException($"'{part}' is not an extent.");
        }
        var tensor = Tensor<T>.Create(new Shape(extents[..rank]), zeroed: false);
        try
        {
            stream.ReadExactly(MemoryMarshal.AsBytes(tensor.AsSpan()));
            return tensor;
        }
        catch (EndOfStreamException e)
        {
            tensor.Dispose();
            throw new InvalidDataException("The file ends before its last element.", e);
        }
    }

    private static string ReadHeader(Stream stream)
    {
        try
        {
            Span<byte> prefix = stackalloc byte[8];
            stream.ReadExactly(prefix);
            if (!prefix[..6].SequenceEqual(NpyFormat.Magic) || prefix[6] is 0 or > 3)
                throw new InvalidDataException("Not an npy file of version 1 to 3.");
            Span<byte> length = stackalloc byte[prefix[6] == 1 ? 2 : 4];
            stream.ReadExactly(length);
            var count =
                length.Length == 2
                    ? BinaryPrimitives.ReadUInt16LittleEndian(length)
                    : BinaryPrimitives.ReadUInt32LittleEndian(length);
            if (count > 1 << 16)
                throw new InvalidDataException($"A header of {count} bytes is too long.");
            var text = new byte[count];
            stream.ReadExactly(text);
            return Encoding.UTF8.GetString(text);
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidDataException("The file ends inside its header.", e);
        }
    }

    private static string Field(Regex pattern, string header, string name)
    {
        var match = pattern.Match(header);
        return match.Success
            ? match.Groups[1].Value
            : throw new InvalidDataException($"The header has no '{name}': {header.Trim()}");
    }

    [GeneratedRegex("'descr':\\s*'([^']*)'")]
    private static partial Regex DescriptorPattern();

    [GeneratedRegex("'fortran_order':\\s*(True|False)")]
    private static partial Regex OrderPattern();

    [GeneratedRegex("'shape':\\s*\\(([^)]*)\\)")]
    private static partial Regex ShapePattern();
}
