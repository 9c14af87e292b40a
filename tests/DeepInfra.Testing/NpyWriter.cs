// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using DeepInfra.Core;

namespace DeepInfra.Testing;

/// <summary>Writes tensors as NumPy <c>.npy</c> files, version 1.0, row-major.</summary>
public static class NpyWriter
{
    public static void Write<T>(string path, Tensor<T> tensor)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Write<T>(path, tensor.ToArray(), tensor.Shape);
    }

    public static void Write<T>(string path, ReadOnlySpan<T> elements, Shape shape)
        where T : unmanaged
    {
        if (elements.Length != shape.ElementCount)
            throw new ArgumentException(
                $"elements: expected {shape.ElementCount} for shape {shape}, got {elements.Length}",
                nameof(elements)
            );
        using var stream = File.Create(path);
        stream.Write(Header(DTypes.Of<T>(), shape));
        stream.Write(MemoryMarshal.AsBytes(elements));
    }

    private static byte[] Header(DType dtype, Shape shape)
    {
        var extents = string.Join(", ", shape) + (shape.Rank == 1 ? "," : "");
        var text =
            $"{{'descr': '{NpyFormat.DescriptorOf(dtype)}', 'fortran_order': False, 'shape': ({extents}), }}";
        // Magic, version and length are 10 bytes; the data begins at a multiple of 64, after a line feed.
        var total = (10 + text.Length + 1 + 63) / 64 * 64;
        var header = new byte[total];
        NpyFormat.Magic.CopyTo(header);
        header[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)(total - 10));
        header.AsSpan(10).Fill((byte)' ');
        Encoding.ASCII.GetBytes(text, header.AsSpan(10));
        header[^1] = (byte)'\n';
        return header;
    }
}
