// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Tests.Numerics;

/// <summary>Binary32 inputs that every encoder is tried on.</summary>
internal static class FloatInputs
{
    /// <summary>All 65,536 BF16 values.</summary>
    public static float[] AllBFloat16 { get; } =
    [.. Enumerable.Range(0, 65536).Select(c => (float)BFloat16.FromBits((ushort)c))];

    /// <summary>
    /// Every code of the 8-bit and 4-bit formats, every midpoint between neighbours, each with its binary32
    /// neighbours; the ends of every binade; NaN payloads; both signs.
    /// </summary>
    public static float[] Edges { get; } = MakeEdges();

    private static float[] MakeEdges()
    {
        var magnitudes = new HashSet<uint>();
        void Add(double value)
        {
            var bits = BitConverter.SingleToUInt32Bits((float)value);
            for (var d = -2; d <= 2; d++)
                if (bits + d is >= 0 and <= 0x7FFF_FFFF)
                    magnitudes.Add((uint)(bits + d));
        }

        foreach (var oracle in new[] { FormatOracle.E4M3, FormatOracle.E5M2, FormatOracle.E2M1 })
        {
            for (var code = 0; code < oracle.FiniteCodes; code++)
            {
                Add(oracle.ValueOf(code));
                if (code + 1 < oracle.FiniteCodes)
                    Add((oracle.ValueOf(code) + oracle.ValueOf(code + 1)) / 2);
            }
        }
        foreach (var value in new[] { 464.0, 480, 512, 61440, 65536, 7, 8, float.MaxValue })
            Add(value);
        for (var exponent = 0u; exponent < 256; exponent++)
            foreach (
                var mantissa in new uint[]
                {
                    0,
                    1,
                    2,
                    0x3FFFFF,
                    0x400000,
                    0x400001,
                    0x7FFFFE,
                    0x7FFFFF,
                }
            )
                magnitudes.Add(exponent << 23 | mantissa);
        return
        [
            .. magnitudes.Select(BitConverter.UInt32BitsToSingle),
            .. magnitudes.Select(m => BitConverter.UInt32BitsToSingle(m | 0x8000_0000)),
        ];
    }
}
