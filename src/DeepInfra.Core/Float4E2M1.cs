// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Core;

/// <summary>FP4 with 2 exponent and 1 mantissa bit in the low nibble: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.</summary>
public readonly partial struct Float4E2M1 : IEquatable<Float4E2M1>
{
    private readonly byte _bits;

    private Float4E2M1(byte bits) => _bits = bits;

    /// <summary>The code as it lies in memory.</summary>
    public byte Bits => _bits;

    /// <summary>Makes a value from its code.</summary>
    /// <param name="bits">The code.</param>
    public static Float4E2M1 FromBits(byte bits) => new(bits);

    /// <summary>Compares the codes, so that NaN equals itself and -0 differs from +0.</summary>
    /// <param name="other">The other value.</param>
    public bool Equals(Float4E2M1 other) => _bits == other._bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Float4E2M1 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _bits;

    /// <summary>The value in the invariant culture.</summary>
    public override string ToString() => ((float)this).ToString(CultureInfo.InvariantCulture);

    /// <summary>Compares the codes; see <see cref="Equals(Float4E2M1)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator ==(Float4E2M1 left, Float4E2M1 right) => left._bits == right._bits;

    /// <summary>Compares the codes; see <see cref="Equals(Float4E2M1)"/>.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator !=(Float4E2M1 left, Float4E2M1 right) => left._bits != right._bits;
}
