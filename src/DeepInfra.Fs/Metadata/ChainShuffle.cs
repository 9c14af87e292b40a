// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Metadata;

/// <summary>Which release of libstdc++ the cluster's shuffle follows. A cluster uses one of them for ever.</summary>
internal enum ShuffleMethod
{
    Gcc11 = 0,
    Gcc10 = 1,
}

/// <summary>
/// The permutation that <c>std::shuffle</c> of libstdc++ makes with <c>std::mt19937_64</c>: two positions per draw
/// where possible, and a bounded draw that differs between releases (multiply-high since 11, division before).
/// </summary>
internal static class ChainShuffle
{
    private const int SeedTries = 1000;

    // Long lists hardly ever come out alike: trying on and on would only cost whoever creates the file.
    private const uint SeedDraws = 4_000_000;

    /// <summary>Shuffles in place.</summary>
    public static void Shuffle(Span<uint> values, ulong seed, ShuffleMethod method)
    {
        if (values.Length < 2)
        {
            return;
        }

        var random = new Mt19937(seed);
        var i = 1;
        if (values.Length % 2 == 0)
        {
            Swap(values, 1, (int)Draw(random, 1, method));
            i = 2;
        }

        while (i < values.Length)
        {
            // One draw yields two indices: range (i+1)·(i+2) fits in 64 bits for every length below 2^32.
            var second = (ulong)i + 2;
            var x = Draw(random, (((ulong)i + 1) * second) - 1, method);
            Swap(values, i, (int)(x / second));
            Swap(values, i + 1, (int)(x % second));
            i += 2;
        }
    }

    /// <summary>The chain-table slots base, base + 1, … in shuffled order.</summary>
    public static uint[] Slots(uint baseIndex, uint count, ulong seed, ShuffleMethod method)
    {
        var slots = Consecutive(baseIndex, count);
        Shuffle(slots, seed, method);
        return slots;
    }

    public static uint[] Consecutive(uint baseIndex, uint count)
    {
        var slots = new uint[count];
        for (uint i = 0; i < count; i++)
        {
            slots[i] = baseIndex + i;
        }

        return slots;
    }

    /// <summary>A random seed for which both methods give the same permutation of <paramref name="count"/> values.</summary>
    public static ulong ChooseSeed(uint count, Random random)
    {
        ulong seed = 0;
        var tries = Math.Clamp(SeedDraws / Math.Max(count, 1), 1, SeedTries);
        for (var i = 0; i < tries; i++)
        {
            seed = (ulong)random.NextInt64() ^ ((ulong)random.NextInt64() << 1);
            var older = Slots(0, count, seed, ShuffleMethod.Gcc10);
            if (Slots(0, count, seed, ShuffleMethod.Gcc11).AsSpan().SequenceEqual(older))
            {
                return seed;
            }
        }

        return seed;
    }

    private static ulong Draw(Mt19937 random, ulong maximum, ShuffleMethod method)
    {
        var range = maximum + 1;
        if (method == ShuffleMethod.Gcc10)
        {
            var scale = ulong.MaxValue / range;
            var limit = range * scale;
            ulong x;
            do
            {
                x = random.Next();
            } while (x >= limit);

            return x / scale;
        }

        var product = (UInt128)random.Next() * range;
        var low = (ulong)product;
        if (low < range)
        {
            var threshold = unchecked(0 - range) % range;
            while (low < threshold)
            {
                product = (UInt128)random.Next() * range;
                low = (ulong)product;
            }
        }

        return (ulong)(product >> 64);
    }

    private static void Swap(Span<uint> values, int a, int b) =>
        (values[a], values[b]) = (values[b], values[a]);
}
