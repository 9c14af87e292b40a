// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace DeepInfra.Core.Jit;

/// <summary>A SHA-256 digest as a value: the identity of kernel inputs.</summary>
/// <param name="A">Bytes 0 to 7.</param>
/// <param name="B">Bytes 8 to 15.</param>
/// <param name="C">Bytes 16 to 23.</param>
/// <param name="D">Bytes 24 to 31.</param>
public readonly record struct KernelHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>The digest of texts; each goes in with its length, so that no two lists give the same input.</summary>
    /// <param name="texts">The texts.</param>
    public static KernelHash Of(params ReadOnlySpan<string> texts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var text in texts)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return FromBytes(digest);
    }

    /// <summary>The digest of bytes.</summary>
    /// <param name="data">The bytes.</param>
    public static KernelHash Of(ReadOnlySpan<byte> data)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(data, digest);
        return FromBytes(digest);
    }

    /// <summary>The first 32 hexadecimal digits, as in file names.</summary>
    public string ToShortString() => ToString()[..32];

    /// <summary>64 hexadecimal digits.</summary>
    public override string ToString()
    {
        Span<ulong> words = [A, B, C, D];
        return Convert.ToHexStringLower(MemoryMarshal.AsBytes(words));
    }

    private static KernelHash FromBytes(ReadOnlySpan<byte> digest)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(digest);
        return new KernelHash(words[0], words[1], words[2], words[3]);
    }
}
