// SPDX-License-Identifier: MIT
using System.IO.Hashing;

namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>Unsigned lexicographic order and content equality of byte arrays.</summary>
internal sealed class ByteComparer : IComparer<byte[]>, IEqualityComparer<byte[]>
{
    /// <summary>The only instance needed.</summary>
    public static ByteComparer Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y.AsSpan());

    /// <inheritdoc/>
    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y.AsSpan());

    /// <inheritdoc/>
    public int GetHashCode(byte[] obj) => (int)XxHash3.HashToUInt64(obj);
}
