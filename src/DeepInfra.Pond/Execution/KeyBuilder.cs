// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace DeepInfra.Pond.Execution;

/// <summary>Builds content keys: XXH3-128 over length-prefixed parts.</summary>
internal sealed class KeyBuilder
{
    private readonly XxHash128 _hash = new();

    public KeyBuilder Add(string? part)
    {
        Span<byte> length = stackalloc byte[4];
        var bytes = part is null ? [] : Encoding.UTF8.GetBytes(part);
        BinaryPrimitives.WriteInt32LittleEndian(length, part is null ? -1 : bytes.Length);
        _hash.Append(length);
        _hash.Append(bytes);
        return this;
    }

    public KeyBuilder Add(long part) => Add(part.ToString(CultureInfo.InvariantCulture));

    public KeyBuilder Add(bool part) => Add(part ? "1" : "0");

    public string Build() => Convert.ToHexStringLower(_hash.GetCurrentHash());
}
