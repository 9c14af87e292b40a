// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// CRC-32C with start value 0 and no inversion ("zero form"). In this form the check value of a
/// concatenation is <c>z(A‖B) = shift(z(A), |B|) xor z(B)</c>, which makes page values composable; the
/// value that travels in messages follows as <c>v(X) = shift(~0, |X|) xor z(X)</c>.
/// </summary>
/// <remarks>
/// Appending zero bytes is a linear map over GF(2);
/// the maps for 2^k bytes are kept as tables, so that combining the values of many pages costs
/// nanoseconds each.
/// </remarks>
internal static class ZeroCrc
{
    private const uint Polynomial = 0x82F63B78;

    // s_shift[k] is the map "append 2^k zero bytes" as four tables of 256 entries.
    private static readonly uint[][] s_shift = BuildShiftTables();

    /// <summary>Zero form of the bytes.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => Crc32C.Append(0, data);

    /// <summary>The register after <paramref name="count"/> more zero bytes.</summary>
    public static uint Shift(uint register, long count)
    {
        for (var k = 0; count != 0; k++, count >>= 1)
        {
            if ((count & 1) != 0)
            {
                register = Apply(s_shift[k], register);
            }
        }
        return register;
    }

    /// <summary>Zero form of a concatenation from the zero forms of its parts.</summary>
    public static uint Combine(uint first, uint second, long secondLength) =>
        Shift(first, secondLength) ^ second;

    /// <summary>The message form (start value ~0, no final inversion) of data with this zero form.</summary>
    public static uint ToMessageForm(uint zeroForm, long length) =>
        Shift(uint.MaxValue, length) ^ zeroForm;

    /// <summary>The zero form of data with this message form.</summary>
    public static uint FromMessageForm(uint value, long length) =>
        Shift(uint.MaxValue, length) ^ value;

    private static uint Apply(uint[] table, uint register) =>
        table[register & 0xFF]
        ^ table[256 + ((register >> 8) & 0xFF)]
        ^ table[512 + ((register >> 16) & 0xFF)]
        ^ table[768 + (register >> 24)];

    private static uint[][] BuildShiftTables()
    {
        var tables = new uint[40][];
        // One zero byte, bit by bit; then each map is the square of the one before it.
        tables[0] = Expand(bit =>
        {
            var register = 1u << bit;
            for (var i = 0; i < 8; i++)
            {
                register = (register >> 1) ^ ((register & 1) * Polynomial);
            }
            return register;
        });
        for (var k = 1; k < tables.Length; k++)
        {
            var half = tables[k - 1];
            tables[k] = Expand(bit => Apply(half, Apply(half, 1u << bit)));
        }
        return tables;
    }

    private static uint[] Expand(Func<int, uint> imageOfBit)
    {
        var table = new uint[1024];
        for (var bit = 0; bit < 32; bit++)
        {
            var image = imageOfBit(bit);
            var column = (bit / 8 * 256) + (1 << (bit % 8));
            var group = bit / 8 * 256;
            for (var i = 0; i < 1 << (bit % 8); i++)
            {
                table[column + i] = table[group + i] ^ image;
            }
        }
        return table;
    }
}
