// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// CRC-32C with start value 0 and no inversion ("zero form"). In this form the check value of a
/// concatenation is <c>z(A‖B) = shift(z(A), |B|) xor z(B)</c>, which makes page values composable; the
/// value that travels in messages follows as <c>v(X) = shift(~0, |X|) xor z(X)</c>.
/// </summary>
internal static class ZeroCrc
{
    /// <summary>Zero form of the bytes.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => Crc32C.Append(0, data);

    /// <summary>The register after <paramref name="count"/> more zero bytes.</summary>
    public static uint Shift(uint register, long count) => Crc32C.Shift(register, (ulong)count);

    /// <summary>Zero form of a concatenation from the zero forms of its parts.</summary>
    public static uint Combine(uint first, uint second, long secondLength) =>
        Shift(first, secondLength) ^ second;

    /// <summary>The message form (start value ~0, no final inversion) of data with this zero form.</summary>
    public static uint ToMessageForm(uint zeroForm, long length) =>
        Shift(uint.MaxValue, length) ^ zeroForm;

    /// <summary>The zero form of data with this message form.</summary>
    public static uint FromMessageForm(uint value, long length) =>
        Shift(uint.MaxValue, length) ^ value;
}
