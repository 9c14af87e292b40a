// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>The log-sum-exp of a row that sees no key. Merging treats both as empty.</summary>
public enum EmptyLogSumExp
{
    /// <summary>Positive infinity, as FlashMLA writes it.</summary>
    PositiveInfinity,

    /// <summary>Negative infinity, the mathematical limit.</summary>
    NegativeInfinity,
}
