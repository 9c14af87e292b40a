// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Tests.Numerics;

/// <summary>
/// Narrowing by exhaustive search over the code table in binary64, written from the definition of each format and
/// sharing nothing with the code under test.
/// </summary>
internal sealed class FormatOracle
{
    private readonly double[] _values;
    private readonly double _overflowTie;

    private FormatOracle(int codes, int mantissaBits, int bias, int finiteCodes)
    {
        _values = new double[codes];
        for (var code = 0; code < codes; code++)
        {
            var exponent = code >> mantissaBits;
            var mantissa = code & ((1 << mantissaBits) - 1);
            _values[code] =
                exponent == 0
                    ? mantissa * Math.Pow(2, 1 - bias - mantissaBits)
                    : (mantissa + (1 << mantissaBits))
                        * Math.Pow(2, exponent - bias - mantissaBits);
        }
        FiniteCodes = finiteCodes;
        // The value that the next code would have, were it finite.
        var step = _values[finiteCodes - 1] - _values[finiteCodes - 2];
        _overflowTie = _values[finiteCodes - 1] + step / 2;
    }

    public static FormatOracle E4M3 { get; } = new(128, 3, 7, 0x7F);

    public static FormatOracle E5M2 { get; } = new(128, 2, 15, 0x7C);

    public static FormatOracle E2M1 { get; } = new(8, 1, 1, 8);

    public int FiniteCodes { get; }

    public double ValueOf(int code) => _values[code];

    /// <summary>The nearest finite code, or <see cref="FiniteCodes"/> where rounding leaves the range.</summary>
    public int Nearest(double magnitude, bool tiesToEven = true)
    {
        var last = FiniteCodes - 1;
        if (magnitude > _values[last])
        {
            var tieStays = !tiesToEven || (last & 1) == 0;
            return magnitude < _overflowTie || (magnitude == _overflowTie && tieStays)
                ? last
                : FiniteCodes;
        }
        var best = 0;
        for (var code = 1; code < FiniteCodes; code++)
        {
            var better = Math.Abs(_values[code] - magnitude);
            var current = Math.Abs(_values[best] - magnitude);
            if (better < current || (better == current && tiesToEven && (code & 1) == 0))
                best = code;
        }
        return best;
    }
}
