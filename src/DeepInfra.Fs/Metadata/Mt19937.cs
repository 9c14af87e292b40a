// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Metadata;

/// <summary>
/// The 64-bit Mersenne Twister of Matsumoto and Nishimura with the parameters of <c>std::mt19937_64</c>. File layouts
/// name their chains by a seed of this generator, so it must match bit for bit.
/// </summary>
internal sealed class Mt19937
{
    private const int Size = 312;
    private const int Shift = 156;
    private const ulong Matrix = 0xB5026F5AA96619E9;
    private const ulong UpperMask = 0xFFFFFFFF80000000;
    private const ulong LowerMask = 0x7FFFFFFF;

    private readonly ulong[] _state = new ulong[Size];
    private int _next = Size;

    public Mt19937(ulong seed)
    {
        _state[0] = seed;
        for (var i = 1; i < Size; i++)
        {
            var previous = _state[i - 1];
            _state[i] = unchecked((6364136223846793005 * (previous ^ (previous >> 62))) + (ulong)i);
        }
    }

    public ulong Next()
    {
        if (_next == Size)
        {
            Twist();
        }

        var x = _state[_next++];
        x ^= (x >> 29) & 0x5555555555555555;
        x ^= (x << 17) & 0x71D67FFFEDA60000;
        x ^= (x << 37) & 0xFFF7EEE000000000;
        return x ^ (x >> 43);
    }

    private void Twist()
    {
        for (var i = 0; i < Size; i++)
        {
            var mixed = (_state[i] & UpperMask) | (_state[(i + 1) % Size] & LowerMask);
            _state[i] = _state[(i + Shift) % Size] ^ (mixed >> 1) ^ ((mixed & 1) * Matrix);
        }

        _next = 0;
    }
}
