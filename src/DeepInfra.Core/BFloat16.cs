// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>The upper half of an IEEE binary32: 8 exponent bits, 7 mantissa bits.</summary>
public readonly partial struct BFloat16 : IEquatable<BFloat16>
{
    private readonly ushort _bits;

    private BFloat16(ushort bits) => _bits = bits;

    /// <summary>The code as it lies in memory.</summary>
    public ushort Bits => _bits;

    /// <summary>Makes a value from its code.</summary>
    /// <param name="bits">The code.</param>
    public static BFloat16 FromBits(ushort bits) => new(bits);

    /// <summary>Compares the codes, so that NaN equals itself and -0 differs from +0.</summary>
    /// <param name="other">The other value.</param>
    public bool Equals(BFloat16 other) => _bits == other._bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _bits;

    /// <summary>Compares the codes; see <see cref="Equals(BFloat16)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator ==(BFloat16 left, BFloat16 right) => left._bits == right._bits;

    /// <summary>Compares the codes; see <see cref="Equals(BFloat16)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator !=(BFloat16 left, BFloat16 right) => left._bits != right._bits;
}
