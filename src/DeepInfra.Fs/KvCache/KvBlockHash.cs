// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace DeepInfra.Fs.KvCache;

/// <summary>
/// Keys of KV-cache blocks. The key of a block covers its tokens and, through the key of the block before it, all
/// tokens of the prefix: equal keys mean equal prefixes, so a block can be reused wherever its key matches.
/// </summary>
public static class KvBlockHash
{
    /// <summary>The key of one block: XXH3 of the block's tokens, seeded with the previous key.</summary>
    /// <param name="previous">Key of the block before it, or a number that names model and configuration for the first.</param>
    /// <param name="tokens">The tokens of the block.</param>
    public static ulong Compute(ulong previous, ReadOnlySpan<int> tokens)
    {
        var hash = new XxHash3(unchecked((long)previous));
        if (BitConverter.IsLittleEndian)
        {
            hash.Append(MemoryMarshal.AsBytes(tokens));
        }
        else
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            foreach (var token in tokens)
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes, token);
                hash.Append(bytes);
            }
        }

        return hash.GetCurrentHashAsUInt64();
    }

    /// <summary>The keys of all full blocks of a token sequence; a shorter rest at the end has none.</summary>
    /// <param name="seed">A number that names model and configuration.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="blockTokens">Tokens in a block.</param>
    public static ulong[] ComputeChain(ulong seed, ReadOnlySpan<int> tokens, int blockTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockTokens);
        var keys = new ulong[tokens.Length / blockTokens];
        var previous = seed;
        for (var i = 0; i < keys.Length; i++)
        {
            previous = Compute(previous, tokens.Slice(i * blockTokens, blockTokens));
            keys[i] = previous;
        }

        return keys;
    }
}
