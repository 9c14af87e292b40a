// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;

namespace DeepInfra.Testing;

/// <summary>What passes for a cubin without a compiler: the header of one, and any bytes behind it.</summary>
public static class FakeCubin
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderBytes = 64;

    /// <summary>Makes one.</summary>
    /// <param name="architecture">The target, such as <c>sm_90a</c>.</param>
    /// <param name="body">What follows the header.</param>
    /// <param name="version">The version of the format, which decides where the header keeps the architecture.</param>
    public static byte[] Create(
        string architecture,
        ReadOnlySpan<byte> body = default,
        byte version = 7
    )
    {
        const ushort MachineCuda = 190;
        var number = uint.Parse(
            architecture.AsSpan("sm_".Length).TrimEnd("af"),
            CultureInfo.InvariantCulture
        );
        var file = new byte[HeaderBytes + body.Length];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(file);
        file[8] = version;
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(18), MachineCuda);
        BinaryPrimitives.WriteUInt32LittleEndian(
            file.AsSpan(48),
            version >= 8 ? number << 8 | 4 : number << 16 | 0x500 | number
        );
        body.CopyTo(file.AsSpan(HeaderBytes));
        return file;
    }
}
