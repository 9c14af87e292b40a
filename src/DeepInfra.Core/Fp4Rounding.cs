// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>How narrowing to <see cref="Float4E2M1"/> rounds.</summary>
public enum Fp4Rounding
{
    /// <summary>To nearest, ties to the even code; the sign of zero is kept and NaN becomes 6.</summary>
    NearestEven,

    /// <summary>
    /// To nearest, ties toward zero; negative zero becomes positive zero and NaN becomes 0. For comparison with
    /// data made by DeepGEMM's test helper.
    /// </summary>
    HalfDown,
}
