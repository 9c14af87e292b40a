// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Level-2 fetch granularity; values of <c>CUtensorMapL2promotion</c>.</summary>
public enum TensorMapL2Promotion
{
    /// <summary>What the copy needs.</summary>
    None = 0,

    /// <summary>64 bytes.</summary>
    Bytes64 = 1,

    /// <summary>128 bytes.</summary>
    Bytes128 = 2,

    /// <summary>256 bytes.</summary>
    Bytes256 = 3,
}
