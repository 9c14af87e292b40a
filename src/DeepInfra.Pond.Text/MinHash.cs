// SPDX-License-Identifier: MIT
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Pond.Text;

/// <summary>
/// MinHash signatures (Broder 1997) with multiply-shift hash functions: value i of a shingle hash x is the high half
/// of a_i·x + b_i modulo 2^64, a_i odd, and a signature holds the least value over all shingles. a_i and b_i come in
/// turn from SplitMix64. Immutable and thread-safe.
/// </summary>
internal sealed class MinHash
{
    private const int Lanes = 8;
    private readonly ulong[] _a;
    private readonly ulong[] _b;

    public MinHash(int count, ulong seed)
    {
        Count = count;
        // Padding to whole vectors; the extra values are never read.
        var padded = (count + Lanes - 1) / Lanes * Lanes;
        _a = new ulong[padded];
        _b = new ulong[padded];
        for (var i = 0; i < padded; i++)
        {
            _a[i] = SplitMix64(ref seed) | 1;
            _b[i] = SplitMix64(ref seed);
        }
    }

    public int Count { get; }

    /// <summary>Length of the buffer that <see cref="Sign"/> needs.</summary>
    public int BufferLength => _a.Length;

    /// <summary>
    /// Fills the signature: its high halves are the values. The order of 64-bit sums is that of their high halves,
    /// so the minimum is taken before the shift.
    /// </summary>
    public void Sign(ReadOnlySpan<ulong> shingles, Span<ulong> signature)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Sign512(shingles, signature);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Sign256(shingles, signature);
        }
        else
        {
            SignReference(shingles, signature);
        }
    }

    public void SignReference(ReadOnlySpan<ulong> shingles, Span<ulong> signature)
    {
        for (var i = 0; i < _a.Length; i++)
        {
            var least = ulong.MaxValue;
            foreach (var x in shingles)
            {
                least = Math.Min(least, unchecked((_a[i] * x) + _b[i]));
            }

            signature[i] = least;
        }
    }

    public void Sign512(ReadOnlySpan<ulong> shingles, Span<ulong> signature)
    {
        ref var a = ref MemoryMarshal.GetArrayDataReference(_a);
        ref var b = ref MemoryMarshal.GetArrayDataReference(_b);
        for (var i = 0; i < _a.Length; i += Lanes)
        {
            var va = Vector512.LoadUnsafe(ref a, (nuint)i);
            var vb = Vector512.LoadUnsafe(ref b, (nuint)i);
            var least = Vector512<ulong>.AllBitsSet;
            foreach (var x in shingles)
            {
                least = Vector512.Min(least, (va * Vector512.Create(x)) + vb);
            }

            least.CopyTo(signature[i..]);
        }
    }

    public void Sign256(ReadOnlySpan<ulong> shingles, Span<ulong> signature)
    {
        ref var a = ref MemoryMarshal.GetArrayDataReference(_a);
        ref var b = ref MemoryMarshal.GetArrayDataReference(_b);
        for (var i = 0; i < _a.Length; i += Lanes / 2)
        {
            var va = Vector256.LoadUnsafe(ref a, (nuint)i);
            var vb = Vector256.LoadUnsafe(ref b, (nuint)i);
            var least = Vector256<ulong>.AllBitsSet;
            foreach (var x in shingles)
            {
                least = Vector256.Min(least, (va * Vector256.Create(x)) + vb);
            }

            least.CopyTo(signature[i..]);
        }
    }

    /// <summary>Hash of one band of a signature; bands with equal numbers and equal values agree.</summary>
    public static ulong BandKey(ReadOnlySpan<ulong> signature, int band, int rows)
    {
        Span<uint> values = rows <= 64 ? stackalloc uint[rows] : new uint[rows];
        for (var i = 0; i < rows; i++)
        {
            values[i] = (uint)(signature[(band * rows) + i] >> 32);
        }

        return XxHash3.HashToUInt64(MemoryMarshal.AsBytes(values), band);
    }

    /// <summary>Steele, Lea and Flood's generator.</summary>
    private static ulong SplitMix64(ref ulong state)
    {
        unchecked
        {
            state += 0x9E3779B97F4A7C15;
            var z = state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
