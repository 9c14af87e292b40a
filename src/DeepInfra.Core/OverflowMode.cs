// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>What narrowing to an 8-bit format does with values beyond its range.</summary>
public enum OverflowMode
{
    /// <summary>
    /// Finite overflow and infinities become the largest finite value of the same sign, as the saturating
    /// conversions of GPUs do.
    /// </summary>
    SaturateFinite,

    /// <summary>Overflow becomes infinity where the format has one (E5M2), else NaN (E4M3, E8M0).</summary>
    NoSaturate,
}
