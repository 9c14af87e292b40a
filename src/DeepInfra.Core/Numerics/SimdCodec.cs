// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// Conversions of one vector between 32-bit lanes that hold codes and binary32, at any width. Bit-equal to the
/// scalar conversions of the element types. Decoders read only the low bits of a lane that belong to the code;
/// encoders leave the rest of a lane zero.
/// </summary>
/// <typeparam name="S">The width.</typeparam>
/// <typeparam name="VF">Its vector of binary32.</typeparam>
/// <typeparam name="VU">Its vector of 32-bit integers.</typeparam>
internal static class SimdCodec<S, VF, VU>
    where S : struct, ISimd<VF, VU>
    where VF : struct
    where VU : struct
{
    private const uint MagnitudeMask = 0x7FFF_FFFF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF DecodeBFloat16(VU codes) => S.AsFloat(S.ShiftLeft(codes, 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU EncodeBFloat16(VF values)
    {
        var bits = S.AsUInt(values);
        var odd = S.And(S.ShiftRight(bits, 16), S.Create(1u));
        var rounded = S.ShiftRight(S.Add(bits, S.Add(odd, S.Create(0x7FFFu))), 16);
        return S.Select(IsNaN(S.And(bits, S.Create(MagnitudeMask))), S.Create(0x7FFFu), rounded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF DecodeE4M3(VU codes)
    {
        // Sign to bit 31, exponent and mantissa below bit 27, then the exponent bias by multiplication.
        var placed = S.ShiftRightArithmetic(S.ShiftLeft(codes, 24), 4);
        placed = S.And(placed, S.Create(0x87F0_0000u));
        var value = S.Multiply(S.AsFloat(placed), S.AsFloat(S.Create(MiniFloat.E4M3Rebias)));
        var nan = S.Create(0x07F0_0000u);
        return S.AsFloat(
            S.Select(
                S.Equal(S.And(placed, nan), nan),
                S.Or(placed, S.Create(MiniFloat.E4M3NaNBits)),
                S.AsUInt(value)
            )
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF DecodeE5M2(VU codes)
    {
        var placed = S.ShiftRightArithmetic(S.ShiftLeft(codes, 24), 3);
        placed = S.And(placed, S.Create(0x8FE0_0000u));
        var value = S.Multiply(S.AsFloat(placed), S.AsFloat(S.Create(MiniFloat.E5M2Rebias)));
        var magnitude = S.And(placed, S.Create(0x0FE0_0000u));
        var sign = S.And(placed, S.Create(0x8000_0000u));
        var infinity = S.Create(0x0F80_0000u);
        var bits = S.Select(
            S.Equal(magnitude, infinity),
            S.Or(sign, S.Create(MiniFloat.InfinityBits)),
            S.AsUInt(value)
        );
        return S.AsFloat(
            S.Select(
                S.GreaterThan(magnitude, infinity),
                S.Or(sign, S.Create(MiniFloat.QuietNaNBits)),
                bits
            )
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF DecodeHalf(VU codes)
    {
        // As E5M2 with eight more mantissa bits; NaN keeps its payload and becomes quiet.
        var placed = S.ShiftRightArithmetic(S.ShiftLeft(codes, 16), 3);
        placed = S.And(placed, S.Create(0x8FFF_E000u));
        var value = S.Multiply(S.AsFloat(placed), S.AsFloat(S.Create(MiniFloat.E5M2Rebias)));
        var magnitude = S.And(placed, S.Create(0x0FFF_E000u));
        var special = S.Or(placed, S.Create(MiniFloat.InfinityBits));
        var infinity = S.Create(0x0F80_0000u);
        var quiet = S.And(S.GreaterThan(magnitude, infinity), S.Create(0x0040_0000u));
        var finite = S.GreaterThan(infinity, magnitude);
        return S.AsFloat(S.Select(finite, S.AsUInt(value), S.Or(special, quiet)));
    }

    /// <summary>IEEE binary16, overflow to infinity; NaN becomes 0x7E00 with its sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU EncodeHalf(VF values)
    {
        var bits = S.AsUInt(values);
        var magnitude = S.And(bits, S.Create(MagnitudeMask));
        var code = EncodeMagnitude(magnitude, 10, 15, S.Create(0x7C00u));
        code = S.Select(IsNaN(magnitude), S.Create(0x7E00u), code);
        return S.Or(code, S.And(S.ShiftRight(bits, 16), S.Create(0x8000u)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF DecodeE8M0(VU codes)
    {
        var bits = S.Max(S.ShiftLeft(codes, 23), S.Create(0x0040_0000u));
        return S.AsFloat(
            S.Select(S.Equal(codes, S.Create(0xFFu)), S.Create(MiniFloat.QuietNaNBits), bits)
        );
    }

    /// <summary>Decodes the low nibble of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF DecodeE2M1(VU codes)
    {
        var magnitude = S.ShiftLeft(S.And(codes, S.Create(7u)), 22);
        var value = S.Multiply(S.AsFloat(magnitude), S.AsFloat(S.Create(MiniFloat.E2M1Rebias)));
        var sign = S.ShiftLeft(S.And(codes, S.Create(8u)), 28);
        return S.AsFloat(S.Or(S.AsUInt(value), sign));
    }

    /// <param name="values">The values.</param>
    /// <param name="maxCode">0x7E saturates, 0x7F lets overflow become NaN.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU EncodeE4M3(VF values, VU maxCode) => Encode(values, 3, 7, maxCode);

    /// <param name="values">The values.</param>
    /// <param name="maxCode">0x7B saturates, 0x7C lets overflow become infinity.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU EncodeE5M2(VF values, VU maxCode) => Encode(values, 2, 15, maxCode);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU EncodeE2M1(VF values)
    {
        var bits = S.AsUInt(values);
        var magnitude = S.And(bits, S.Create(MagnitudeMask));
        var code = EncodeMagnitude(magnitude, 1, 1, S.Create(7u));
        code = S.Or(code, S.And(S.ShiftRight(bits, 28), S.Create(8u)));
        return S.Select(IsNaN(magnitude), S.Create(7u), code);
    }

    /// <summary>The encoder of <see cref="Fp4Rounding.HalfDown"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU EncodeE2M1HalfDown(VF values)
    {
        var bits = S.AsUInt(values);
        var magnitude = S.And(bits, S.Create(MagnitudeMask));
        // A comparison is -1 where true; as integers, magnitudes order like the numbers they are.
        var code = S.Create(0u);
        code = S.Subtract(code, Above(magnitude, 0.25f));
        code = S.Subtract(code, Above(magnitude, 0.75f));
        code = S.Subtract(code, Above(magnitude, 1.25f));
        code = S.Subtract(code, Above(magnitude, 1.75f));
        code = S.Subtract(code, Above(magnitude, 2.5f));
        code = S.Subtract(code, Above(magnitude, 3.5f));
        code = S.Subtract(code, Above(magnitude, 5f));
        var zero = S.Create(0u);
        var signed = S.Or(code, S.And(S.ShiftRight(bits, 28), S.Create(8u)));
        var keep = S.GreaterThan(code, zero);
        return S.Select(IsNaN(magnitude), zero, S.And(keep, signed));
    }

    /// <summary>Codes of powers of two; see <see cref="Float8E8M0.FromSingle"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU EncodeE8M0(VF values, bool roundUp, VU maxCode)
    {
        var magnitude = S.And(S.AsUInt(values), S.Create(MagnitudeMask));
        var code = S.ShiftRight(magnitude, 23);
        if (roundUp)
        {
            // Adding all ones below the exponent carries into it exactly when the mantissa is not zero; only
            // magnitudes up to 2^-127, which is a subnormal, stay at code 0.
            var up = S.ShiftRight(S.Add(magnitude, S.Create(0x007F_FFFFu)), 23);
            code = S.Select(S.GreaterThan(magnitude, S.Create(0x0040_0000u)), up, code);
        }
        return S.Select(IsNaN(magnitude), S.Create(0xFFu), S.Min(code, maxCode));
    }

    /// <summary>The exponent code of <see cref="Float8E8M0.ScaleCeil"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU ScaleCeil(VF values)
    {
        var magnitude = S.And(S.AsUInt(values), S.Create(MagnitudeMask));
        var code = S.ShiftRight(S.Add(magnitude, S.Create(0x007F_FFFFu)), 23);
        return S.Min(S.Max(code, S.Create(1u)), S.Create(254u));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static VU Encode(VF values, int mantissaBits, int bias, VU maxCode)
    {
        var bits = S.AsUInt(values);
        var magnitude = S.And(bits, S.Create(MagnitudeMask));
        var code = EncodeMagnitude(magnitude, mantissaBits, bias, maxCode);
        code = S.Or(code, S.And(S.ShiftRight(bits, 24), S.Create(0x80u)));
        return S.Select(IsNaN(magnitude), S.Create(0x7Fu), code);
    }

    /// <summary><see cref="MiniFloat.EncodeMagnitude"/> for vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static VU EncodeMagnitude(VU magnitude, int mantissaBits, int bias, VU maxCode)
    {
        var shift = 23 - mantissaBits;
        var odd = S.And(S.ShiftRight(magnitude, shift), S.Create(1u));
        // Half a unit less one, and the change of bias in the same constant.
        var offset = (1u << (shift - 1)) - 1 - ((uint)(127 - bias) << 23);
        var normal = S.ShiftRight(S.Add(S.Add(magnitude, odd), S.Create(offset)), shift);

        var magic = (uint)(151 - bias - mantissaBits) << 23;
        var sum = S.Add(S.AsFloat(magnitude), S.AsFloat(S.Create(magic)));
        var subnormal = S.Subtract(S.AsUInt(sum), S.Create(magic));

        var isNormal = S.GreaterThan(magnitude, S.Create(((uint)(128 - bias) << 23) - 1));
        return S.Min(S.Select(isNormal, normal, subnormal), maxCode);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static VU IsNaN(VU magnitude) =>
        S.GreaterThan(magnitude, S.Create(MiniFloat.InfinityBits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static VU Above(VU magnitude, float threshold) =>
        S.GreaterThan(magnitude, S.Create(BitConverter.SingleToUInt32Bits(threshold)));
}
