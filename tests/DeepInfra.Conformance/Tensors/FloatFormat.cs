// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Conformance.Tensors;

/// <summary>
/// A number format from its definition, in binary64: values of its codes, and rounding by search among them. It shares nothing with
/// the code under test.
/// </summary>
public sealed class FloatFormat
{
    private readonly double[] _values;
    private readonly int _finiteCodes;
    private readonly int _nan;
    private readonly bool _hasInfinity;
    private readonly int _signBit;

    private FloatFormat(
        int bits,
        int mantissaBits,
        int bias,
        int finiteCodes,
        int nan,
        bool hasInfinity
    )
    {
        _values = new double[finiteCodes];
        for (var code = 0; code < finiteCodes; code++)
        {
            var exponent = code >> mantissaBits;
            var mantissa = code & ((1 << mantissaBits) - 1);
            _values[code] =
                exponent == 0
                    ? mantissa * Math.Pow(2, 1 - bias - mantissaBits)
                    : (mantissa + (1 << mantissaBits))
                        * Math.Pow(2, exponent - bias - mantissaBits);
        }
        _finiteCodes = finiteCodes;
        _nan = nan;
        _hasInfinity = hasInfinity;
        _signBit = 1 << (bits - 1);
        Bits = bits;
    }

    public static FloatFormat Half { get; } = new(16, 10, 15, 0x7C00, 0x7E00, true);

    public static FloatFormat BFloat16 { get; } = new(16, 7, 127, 0x7F80, 0x7FFF, true);

    public static FloatFormat E4M3 { get; } = new(8, 3, 7, 0x7F, 0x7F, false);

    public static FloatFormat E5M2 { get; } = new(8, 2, 15, 0x7C, 0x7F, true);

    public static FloatFormat E2M1 { get; } = new(4, 1, 1, 8, 7, false);

    /// <summary>Width of a code.</summary>
    public int Bits { get; }

    /// <summary>The largest finite value.</summary>
    public double Max => _values[_finiteCodes - 1];

    /// <summary>The format of a type; null for Float32.</summary>
    public static FloatFormat? Of(DType dtype) =>
        dtype switch
        {
            DType.Float16 => Half,
            DType.BFloat16 => BFloat16,
            DType.Float8E4M3 => E4M3,
            DType.Float8E5M2 => E5M2,
            _ => null,
        };

    /// <summary>The value of an element's bits.</summary>
    public static double ValueOf(DType dtype, ulong bits) =>
        Of(dtype) is { } format
            ? format.ValueOf((int)bits)
            : BitConverter.UInt32BitsToSingle((uint)bits);

    /// <summary>The value of a code.</summary>
    public double ValueOf(int code)
    {
        var magnitude = code & (_signBit - 1);
        var value =
            magnitude < _finiteCodes ? _values[magnitude]
            : _hasInfinity && magnitude == _finiteCodes ? double.PositiveInfinity
            : double.NaN;
        return (code & _signBit) != 0 ? -value : value;
    }

    /// <summary>The nearest code, ties to even; beyond the range what the mode says, where the format has modes.</summary>
    public ulong Encode(double value, OverflowMode overflow = OverflowMode.SaturateFinite)
    {
        if (double.IsNaN(value))
            return (ulong)_nan;
        var sign = double.IsNegative(value) ? _signBit : 0;
        var magnitude = Math.Abs(value);
        var last = _finiteCodes - 1;
        var overflowTie = Max + (Max - _values[last - 1]) / 2;
        if (magnitude > overflowTie || (magnitude == overflowTie && (last & 1) != 0))
            return (ulong)(
                sign
                | (
                    Bits <= 8 && overflow == OverflowMode.SaturateFinite ? last
                    : _hasInfinity ? _finiteCodes
                    : _nan
                )
            );
        // The largest code whose value is not above.
        int low = 0,
            high = last;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (_values[middle] <= magnitude)
                low = middle;
            else
                high = middle - 1;
        }
        if (low < last)
        {
            var below = magnitude - _values[low];
            var above = _values[low + 1] - magnitude;
            if (above < below || (above == below && (low & 1) != 0))
                low++;
        }
        return (ulong)(sign | low);
    }

    /// <summary>The nearest code of FP4 with ties towards zero; zero has no sign and NaN is zero.</summary>
    public static int EncodeHalfDown(double value)
    {
        if (double.IsNaN(value))
            return 0;
        var magnitude = Math.Abs(value);
        var best = 0;
        for (var code = 1; code < E2M1._finiteCodes; code++)
            if (Math.Abs(E2M1._values[code] - magnitude) < Math.Abs(E2M1._values[best] - magnitude))
                best = code;
        if (double.IsInfinity(magnitude))
            best = E2M1._finiteCodes - 1;
        return best == 0 || value > 0 ? best : best | E2M1._signBit;
    }
}
