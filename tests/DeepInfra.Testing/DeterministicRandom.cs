// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Testing;

/// <summary>
/// Random numbers that are the same on every machine and runtime for one seed (xoshiro256**). Not thread-safe.
/// </summary>
public sealed class DeterministicRandom
{
    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;
    private double _spare = double.NaN;

    /// <param name="seed">The seed; print it when a test fails.</param>
    public DeterministicRandom(ulong seed)
    {
        Seed = seed;
        // Spreads the seed over the state, which must not be all zero (splitmix64).
        ulong Next()
        {
            var z = seed += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
        (_s0, _s1, _s2, _s3) = (Next(), Next(), Next(), Next());
    }

    public ulong Seed { get; }

    public ulong NextUInt64()
    {
        var result = ulong.RotateLeft(_s1 * 5, 7) * 9;
        var t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = ulong.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A number in [0, 1).</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1L << 53));

    /// <summary>A number in [<paramref name="minimum"/>, <paramref name="maximum"/>).</summary>
    public double NextUniform(double minimum, double maximum) =>
        minimum + (maximum - minimum) * NextDouble();

    /// <summary>A number in [0, <paramref name="exclusiveMaximum"/>).</summary>
    public int NextInt32(int exclusiveMaximum) => NextInt32(0, exclusiveMaximum);

    /// <summary>A number in [<paramref name="minimum"/>, <paramref name="exclusiveMaximum"/>).</summary>
    public int NextInt32(int minimum, int exclusiveMaximum)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(exclusiveMaximum, minimum);
        var range = (ulong)((long)exclusiveMaximum - minimum);
        return (int)(minimum + (long)Math.BigMul(NextUInt64(), range, out _));
    }

    public bool NextBoolean() => (long)NextUInt64() < 0;

    /// <summary>A standard normal number.</summary>
    public double NextNormal()
    {
        if (!double.IsNaN(_spare))
        {
            var spare = _spare;
            _spare = double.NaN;
            return spare;
        }
        double u,
            v,
            s;
        do
        {
            u = 2 * NextDouble() - 1;
            v = 2 * NextDouble() - 1;
            s = u * u + v * v;
        } while (s is >= 1 or 0);
        var factor = Math.Sqrt(-2 * Math.Log(s) / s);
        _spare = v * factor;
        return u * factor;
    }

    public void FillBytes(Span<byte> destination)
    {
        foreach (ref var b in destination)
            b = (byte)(NextUInt64() >> 56);
    }

    /// <summary>Fills with rounded normal numbers.</summary>
    /// <typeparam name="T">Any floating-point element type.</typeparam>
    public void FillNormal<T>(Span<T> destination, double mean = 0, double deviation = 1)
        where T : unmanaged
    {
        foreach (ref var element in destination)
            element = ElementConvert.From<T>(mean + deviation * NextNormal());
    }

    /// <summary>Fills with rounded uniform numbers.</summary>
    /// <typeparam name="T">Any floating-point element type.</typeparam>
    public void FillUniform<T>(Span<T> destination, double minimum = -1, double maximum = 1)
        where T : unmanaged
    {
        foreach (ref var element in destination)
            element = ElementConvert.From<T>(NextUniform(minimum, maximum));
    }

    /// <summary>A tensor of normal numbers.</summary>
    /// <typeparam name="T">Any floating-point element type.</typeparam>
    public Tensor<T> Normal<T>(Shape shape, double mean = 0, double deviation = 1)
        where T : unmanaged
    {
        var tensor = Tensor<T>.Create(shape, zeroed: false);
        FillNormal(tensor.AsSpan(), mean, deviation);
        return tensor;
    }

    /// <summary>A tensor of uniform numbers.</summary>
    /// <typeparam name="T">Any floating-point element type.</typeparam>
    public Tensor<T> Uniform<T>(Shape shape, double minimum = -1, double maximum = 1)
        where T : unmanaged
    {
        var tensor = Tensor<T>.Create(shape, zeroed: false);
        FillUniform(tensor.AsSpan(), minimum, maximum);
        return tensor;
    }

    public void Shuffle<T>(Span<T> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = NextInt32(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>The numbers 0 to <paramref name="count"/> - 1 in random order.</summary>
    public int[] Permutation(int count)
    {
        int[] result = [.. Enumerable.Range(0, count)];
        Shuffle<int>(result);
        return result;
    }
}
