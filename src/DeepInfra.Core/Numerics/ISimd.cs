// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Numerics;

/// <summary>
/// One width of SIMD seen as lanes of 32 bits, so that an algorithm is written once and instantiated for
/// <see cref="Simd128"/>, <see cref="Simd256"/> and <see cref="Simd512"/>. All methods inline to single
/// instructions or short sequences. Results are identical at all widths.
/// </summary>
/// <typeparam name="VF">The vector of binary32.</typeparam>
/// <typeparam name="VU">The vector of 32-bit integers.</typeparam>
internal unsafe interface ISimd<VF, VU>
    where VF : struct
    where VU : struct
{
    /// <summary>Lanes per vector.</summary>
    static abstract int Count { get; }

    static abstract VF Load(float* source);

    static abstract VU Load(uint* source);

    /// <summary>Loads <see cref="Count"/> bytes and zero-extends them.</summary>
    static abstract VU LoadBytes(byte* source);

    /// <summary>Loads <see cref="Count"/> 16-bit values and zero-extends them.</summary>
    static abstract VU LoadWords(ushort* source);

    static abstract void Store(VF value, float* destination);

    static abstract void Store(VU value, uint* destination);

    /// <summary>Stores the low byte of each lane.</summary>
    static abstract void StoreBytes(VU value, byte* destination);

    /// <summary>Stores the low 16 bits of each lane.</summary>
    static abstract void StoreWords(VU value, ushort* destination);

    static abstract VF Create(float value);

    static abstract VU Create(uint value);

    static abstract VU AsUInt(VF value);

    static abstract VF AsFloat(VU value);

    static abstract VU And(VU left, VU right);

    static abstract VU Or(VU left, VU right);

    static abstract VU Xor(VU left, VU right);

    static abstract VU Add(VU left, VU right);

    static abstract VU Subtract(VU left, VU right);

    static abstract VU ShiftLeft(VU value, int count);

    static abstract VU ShiftRight(VU value, int count);

    static abstract VU ShiftRightArithmetic(VU value, int count);

    static abstract VU Min(VU left, VU right);

    static abstract VU Max(VU left, VU right);

    /// <summary>All ones where the left value, taken as signed, is greater.</summary>
    static abstract VU GreaterThan(VU left, VU right);

    static abstract VU Equal(VU left, VU right);

    /// <summary>Per bit: the second argument where the mask is set, else the third.</summary>
    static abstract VU Select(VU mask, VU whenSet, VU otherwise);

    static abstract VF Add(VF left, VF right);

    static abstract VF Subtract(VF left, VF right);

    static abstract VF Multiply(VF left, VF right);

    static abstract VF Divide(VF left, VF right);

    /// <summary>left × right + addend: fused where the processor has it, as <see cref="float.MultiplyAddEstimate"/>.</summary>
    static abstract VF MultiplyAdd(VF left, VF right, VF addend);

    /// <summary>The smaller one; the right one where either is NaN.</summary>
    static abstract VF Min(VF left, VF right);

    /// <summary>The larger one; the right one where either is NaN.</summary>
    static abstract VF Max(VF left, VF right);

    /// <summary>
    /// value × 2^exponent with one rounding, where <paramref name="integer"/> holds the integral exponent as a
    /// number and <paramref name="exponent"/> the same as 32-bit integers, -252 to 252.
    /// </summary>
    static abstract VF Scale(VF value, VF integer, VU exponent);

    /// <summary>The largest lane, unsigned.</summary>
    static abstract uint MaxAcross(VU value);
}
