// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Core;

/// <summary>FP8 with 5 exponent and 2 mantissa bits (bias 15, largest finite value 57344, with infinities).</summary>
public readonly partial struct Float8E5M2 : IEquatable<Float8E5M2>
{
    private readonly byte _bits;

    private Float8E5M2(byte bits) => _bits = bits;

    /// <summary>The code as it lies in memory.</summary>
    public byte Bits => _bits;

    /// <summary>Makes a value from its code.</summary>
    /// <param name="bits">The code.</param>
    public static Float8E5M2 FromBits(byte bits) => new(bits);

    /// <summary>Compares the codes, so that NaN equals itself and -0 differs from +0.</summary>
    /// <param name="other">The other value.</param>
    public bool Equals(Float8E5M2 other) => _bits == other._bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Float8E5M2 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _bits;

    /// <summary>The value in the invariant culture.</summary>
    public override string ToString() => ((float)this).ToString(CultureInfo.InvariantCulture);

    /// <summary>Compares the codes; see <see cref="Equals(Float8E5M2)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator ==(Float8E5M2 left, Float8E5M2 right) => left._bits == right._bits;

    /// <summary>Compares the codes; see <see cref="Equals(Float8E5M2)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator !=(Float8E5M2 left, Float8E5M2 right) => left._bits != right._bits;
}
