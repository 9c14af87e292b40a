// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>
/// The upper half of an IEEE binary32: 8 exponent bits, 7 mantissa bits. Comparison and arithmetic follow IEEE
/// rules as <see cref="Half"/> does; member names are those of the type that later .NET versions bring.
/// </summary>
public readonly partial struct BFloat16
    : IEquatable<BFloat16>,
        IComparable<BFloat16>,
        IComparable,
        ISpanFormattable
{
    private const ushort NaNBits = 0x7FFF;
    private const ushort InfinityBits = 0x7F80;

    private readonly ushort _bits;

    private BFloat16(ushort bits) => _bits = bits;

    /// <summary>Zero.</summary>
    public static BFloat16 Zero => default;

    /// <summary>Negative zero.</summary>
    public static BFloat16 NegativeZero => new(0x8000);

    /// <summary>One.</summary>
    public static BFloat16 One => new(0x3F80);

    /// <summary>Minus one.</summary>
    public static BFloat16 NegativeOne => new(0xBF80);

    /// <summary>The smallest positive (subnormal) value.</summary>
    public static BFloat16 Epsilon => new(0x0001);

    /// <summary>The largest finite value.</summary>
    public static BFloat16 MaxValue => new(0x7F7F);

    /// <summary>The most negative finite value.</summary>
    public static BFloat16 MinValue => new(0xFF7F);

    /// <summary>Positive infinity.</summary>
    public static BFloat16 PositiveInfinity => new(InfinityBits);

    /// <summary>Negative infinity.</summary>
    public static BFloat16 NegativeInfinity => new(0xFF80);

    /// <summary>Not a number; the code that narrowing produces, 0x7FFF.</summary>
    public static BFloat16 NaN => new(NaNBits);

    /// <summary>The code as it lies in memory.</summary>
    public ushort Bits => _bits;

    /// <summary>Makes a value from its code.</summary>
    /// <param name="bits">The code.</param>
    public static BFloat16 FromBits(ushort bits) => new(bits);

    /// <summary>True for NaN of any payload.</summary>
    /// <param name="value">The value.</param>
    public static bool IsNaN(BFloat16 value) => (value._bits & 0x7FFF) > InfinityBits;

    /// <summary>True for either infinity.</summary>
    /// <param name="value">The value.</param>
    public static bool IsInfinity(BFloat16 value) => (value._bits & 0x7FFF) == InfinityBits;

    /// <summary>True for positive infinity.</summary>
    /// <param name="value">The value.</param>
    public static bool IsPositiveInfinity(BFloat16 value) => value._bits == InfinityBits;

    /// <summary>True for negative infinity.</summary>
    /// <param name="value">The value.</param>
    public static bool IsNegativeInfinity(BFloat16 value) => value._bits == 0xFF80;

    /// <summary>True unless NaN or infinite.</summary>
    /// <param name="value">The value.</param>
    public static bool IsFinite(BFloat16 value) => (value._bits & 0x7FFF) < InfinityBits;

    /// <summary>True if the sign bit is set, also for -0 and NaN.</summary>
    /// <param name="value">The value.</param>
    public static bool IsNegative(BFloat16 value) => (value._bits & 0x8000) != 0;

    /// <summary>True for finite values that are neither zero nor subnormal.</summary>
    /// <param name="value">The value.</param>
    public static bool IsNormal(BFloat16 value)
    {
        var exponent = value._bits & InfinityBits;
        return exponent is not 0 and not InfinityBits;
    }

    /// <summary>True for values below the smallest normal, zero excluded.</summary>
    /// <param name="value">The value.</param>
    public static bool IsSubnormal(BFloat16 value) => (uint)((value._bits & 0x7FFF) - 1) < 0x7F;

    /// <summary>The magnitude.</summary>
    /// <param name="value">The value.</param>
    public static BFloat16 Abs(BFloat16 value) => new((ushort)(value._bits & 0x7FFF));

    /// <summary>Equal by value, or both NaN.</summary>
    /// <param name="other">The other value.</param>
    public bool Equals(BFloat16 other) => this == other || (IsNaN(this) && IsNaN(other));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ((float)this).GetHashCode();

    /// <inheritdoc/>
    public int CompareTo(BFloat16 other) => ((float)this).CompareTo((float)other);

    /// <inheritdoc/>
    public int CompareTo(object? obj) =>
        obj switch
        {
            null => 1,
            BFloat16 other => CompareTo(other),
            _ => throw new ArgumentException(
                $"obj: expected {nameof(BFloat16)}, got {obj.GetType()}",
                nameof(obj)
            ),
        };

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString();

    /// <inheritdoc/>
    public string ToString(string? format, IFormatProvider? formatProvider) =>
        ((float)this).ToString(format, formatProvider);

    /// <inheritdoc/>
    public bool TryFormat(
        Span<char> destination,
        out int charsWritten,
        ReadOnlySpan<char> format,
        IFormatProvider? provider
    ) => ((float)this).TryFormat(destination, out charsWritten, format, provider);
}
