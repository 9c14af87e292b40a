// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Cpu;

/// <summary>
/// BFloat16 arithmetic two to a 32-bit lane at one width: the even element is the lower half, the odd one the upper half. No
/// element changes its lane, so widening and narrowing need no shuffles. Results are identical at all widths.
/// </summary>
/// <typeparam name="VF">The vector of Float32.</typeparam>
/// <typeparam name="VP">The vector of BFloat16 pairs.</typeparam>
internal unsafe interface IPairSimd<VF, VP>
    where VF : struct
    where VP : struct
{
    /// <summary>Lanes of 32 bits: Float32 values, or pairs of BFloat16.</summary>
    static abstract int Count { get; }

    static abstract VF Zero { get; }

    static abstract VF Create(float value);

    static abstract VF Load(float* source);

    static abstract void Store(VF value, float* target);

    static abstract VP Load(ushort* source);

    static abstract void Store(VP value, ushort* target);

    /// <summary>Stores to an aligned address without filling the caches.</summary>
    static abstract void StorePastCaches(VP value, ushort* target);

    static abstract VF Even(VP pairs);

    static abstract VF Odd(VP pairs);

    /// <summary>Rounds to nearest, ties to even; NaN becomes 0x7FFF.</summary>
    static abstract VP Round(VF even, VF odd);

    static abstract VF Add(VF left, VF right);

    /// <summary>left · right + addend with one rounding, on every processor.</summary>
    static abstract VF FusedMultiplyAdd(VF left, VF right, VF addend);
}
