// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Values outside the tensor; values of <c>CUtensorMapFloatOOBfill</c>.</summary>
public enum TensorMapFill
{
    /// <summary>Zero.</summary>
    Zero = 0,

    /// <summary>A NaN that multiply-adds treat as zero; floating-point types only.</summary>
    NanRequestZeroFma = 1,
}
