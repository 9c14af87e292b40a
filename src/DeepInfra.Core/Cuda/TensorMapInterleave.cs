// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Interleaved layouts; values of <c>CUtensorMapInterleave</c>.</summary>
public enum TensorMapInterleave
{
    /// <summary>Dense innermost dimension.</summary>
    None = 0,

    /// <summary>NC/8HWC8: 16-byte channel groups.</summary>
    Bytes16 = 1,

    /// <summary>NC/16HWC16: 32-byte channel groups.</summary>
    Bytes32 = 2,
}
