// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>The logarithm in which a log-sum-exp is expressed.</summary>
public enum LogSumExpBase
{
    /// <summary>Natural logarithm.</summary>
    Natural,

    /// <summary>Logarithm to base 2: the natural value divided by ln 2.</summary>
    Two,
}
