// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Core;

/// <summary>FP8 with 4 exponent and 3 mantissa bits (the finite-only variant, bias 7, largest value 448, NaN 0x7F and 0xFF).</summary>
public readonly partial struct Float8E4M3 : IEquatable<Float8E4M3>
{
    private readonly byte _bits;

    private Float8E4M3(byte bits) => _bits = bits;

    /// <summary>The code as it lies in memory.</summary>
    public byte Bits => _bits;

    /// <summary>Makes a value from its code.</summary>
    /// <param name="bits">The code.</param>
    public static Float8E4M3 FromBits(byte bits) => new(bits);

    /// <summary>Compares the codes, so that NaN equals itself and -0 differs from +0.</summary>
    /// <param name="other">The other value.</param>
    public bool Equals(Float8E4M3 other) => _bits == other._bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Float8E4M3 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _bits;

    /// <summary>The value in the invariant culture.</summary>
    public override string ToString() => ((float)this).ToString(CultureInfo.InvariantCulture);

    /// <summary>Compares the codes; see <see cref="Equals(Float8E4M3)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator ==(Float8E4M3 left, Float8E4M3 right) => left._bits == right._bits;

    /// <summary>Compares the codes; see <see cref="Equals(Float8E4M3)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator !=(Float8E4M3 left, Float8E4M3 right) => left._bits != right._bits;
}
