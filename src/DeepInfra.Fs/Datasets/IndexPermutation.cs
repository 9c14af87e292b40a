// SPDX-License-Identifier: MIT
using System.Numerics;

namespace DeepInfra.Fs.Datasets;

/// <summary>
/// A pseudo-random permutation of 0 … n-1 that needs no memory: a Feistel network over the next even power of two,
/// walked until it lands inside. The same seed gives the same permutation on every machine.
/// </summary>
internal readonly struct IndexPermutation
{
    private const int Rounds = 6;

    private readonly ulong _count;
    private readonly ulong _seed;
    private readonly int _halfBits;
    private readonly ulong _halfMask;

    public IndexPermutation(long count, ulong seed)
    {
        _count = (ulong)count;
        _seed = seed;
        var bits = 64 - BitOperations.LeadingZeroCount(_count > 1 ? _count - 1 : 1);
        _halfBits = (bits + 1) / 2;
        _halfMask = (1ul << _halfBits) - 1;
    }

    public long this[long index]
    {
        get
        {
            var x = (ulong)index;
            do
            {
                x = Encrypt(x);
            } while (x >= _count);

            return (long)x;
        }
    }

    private static ulong Mix(ulong x)
    {
        // The finaliser of SplitMix64.
        x = unchecked((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9);
        x = unchecked((x ^ (x >> 27)) * 0x94D049BB133111EB);
        return x ^ (x >> 31);
    }

    private ulong Encrypt(ulong x)
    {
        var left = x >> _halfBits;
        var right = x & _halfMask;
        for (var round = 1ul; round <= Rounds; round++)
        {
            var key = unchecked(_seed + (round * 0x9E3779B97F4A7C15));
            (left, right) = (right, left ^ (Mix(right ^ Mix(key)) & _halfMask));
        }

        return (left << _halfBits) | right;
    }
}
