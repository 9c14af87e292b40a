// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Reorders float rows between natural order and the order in which <see cref="IKeyRows{TSimd,TVector}"/> yields pairs.</summary>
internal static unsafe class Interleave
{
    public static void ToPairs<TSimd, TVector, TRows>(
        float* source,
        float* destination,
        int columns
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TRows : struct, IKeyRows<TSimd, TVector>
    {
        if (!TRows.Interleaved)
        {
            new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(destination, columns));
            return;
        }
        for (var c = 0; c < columns; c += 2 * TSimd.Count)
        for (var lane = 0; lane < TSimd.Count; lane++)
        {
            destination[c + lane] = source[c + 2 * lane];
            destination[c + TSimd.Count + lane] = source[c + 2 * lane + 1];
        }
    }

    public static void FromPairs<TSimd, TVector, TRows>(
        float* source,
        float* destination,
        int columns
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TRows : struct, IKeyRows<TSimd, TVector>
    {
        if (!TRows.Interleaved)
        {
            new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(destination, columns));
            return;
        }
        for (var c = 0; c < columns; c += 2 * TSimd.Count)
        for (var lane = 0; lane < TSimd.Count; lane++)
        {
            destination[c + 2 * lane] = source[c + lane];
            destination[c + 2 * lane + 1] = source[c + TSimd.Count + lane];
        }
    }
}
