// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>How a magnitude is rounded to a power of two.</summary>
public enum Ue8m0Rounding
{
    /// <summary>The smallest power of two that is not below the magnitude.</summary>
    RoundUp,

    /// <summary>The largest power of two that is not above the magnitude.</summary>
    RoundZero,
}
