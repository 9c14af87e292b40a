// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>Half-open range of keys: <paramref name="Begin"/> inclusive, <paramref name="End"/> exclusive.</summary>
/// <param name="Begin">First key of the range.</param>
/// <param name="End">First key behind the range.</param>
internal readonly record struct KeyRange(byte[] Begin, byte[] End)
{
    /// <summary>All keys that start with <paramref name="prefix"/>.</summary>
    public static KeyRange OfPrefix(ReadOnlySpan<byte> prefix) =>
        new(prefix.ToArray(), Successor(prefix));

    /// <summary>Whether <paramref name="key"/> lies in the range.</summary>
    public bool Contains(byte[] key) =>
        key.AsSpan().SequenceCompareTo(Begin) >= 0 && key.AsSpan().SequenceCompareTo(End) < 0;

    /// <summary>The smallest key that is greater than every key with this prefix.</summary>
    private static byte[] Successor(ReadOnlySpan<byte> prefix)
    {
        var length = prefix.Length;
        while (length > 0 && prefix[length - 1] == 0xFF)
        {
            length--;
        }
        if (length == 0)
        {
            throw new ArgumentException(
                "prefix: a prefix needs one byte below 255",
                nameof(prefix)
            );
        }
        var end = prefix[..length].ToArray();
        end[^1]++;
        return end;
    }
}
