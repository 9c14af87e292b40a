// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>DLPack's kinds of number.</summary>
public enum DLDataTypeCode : byte
{
    /// <summary>Signed integer.</summary>
    Int = 0,

    /// <summary>Unsigned integer.</summary>
    UInt = 1,

    /// <summary>IEEE floating point.</summary>
    Float = 2,

    /// <summary>Brain floating point.</summary>
    BFloat = 4,

    /// <summary>Complex number.</summary>
    Complex = 5,

    /// <summary>Boolean, 8 bits.</summary>
    Bool = 6,

    /// <summary>FP8 1-3-4.</summary>
    Float8E3M4 = 7,

    /// <summary>FP8 1-4-3 as IEEE would have it, with infinities.</summary>
    Float8E4M3 = 8,

    /// <summary>FP8 1-4-3 with bias 11, finite, unsigned zero.</summary>
    Float8E4M3B11Fnuz = 9,

    /// <summary>FP8 1-4-3, finite: <see cref="DType.Float8E4M3"/>.</summary>
    Float8E4M3Fn = 10,

    /// <summary>FP8 1-4-3, finite, unsigned zero.</summary>
    Float8E4M3Fnuz = 11,

    /// <summary>FP8 1-5-2: <see cref="DType.Float8E5M2"/>.</summary>
    Float8E5M2 = 12,

    /// <summary>FP8 1-5-2, finite, unsigned zero.</summary>
    Float8E5M2Fnuz = 13,

    /// <summary>Powers of two: <see cref="DType.Float8E8M0"/>.</summary>
    Float8E8M0Fnu = 14,

    /// <summary>FP6 1-2-3, finite.</summary>
    Float6E2M3Fn = 15,

    /// <summary>FP6 1-3-2, finite.</summary>
    Float6E3M2Fn = 16,

    /// <summary>FP4 1-2-1, finite: <see cref="DType.Float4E2M1"/>.</summary>
    Float4E2M1Fn = 17,
}
