// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Permutations of 16-byte pieces of the rows in shared memory; values of <c>CUtensorMapSwizzle</c>.</summary>
public enum TensorMapSwizzle
{
    /// <summary>Rows as they are.</summary>
    None = 0,

    /// <summary>Within 32 bytes: rows of at most 32 bytes.</summary>
    Bytes32 = 1,

    /// <summary>Within 64 bytes: rows of at most 64 bytes.</summary>
    Bytes64 = 2,

    /// <summary>Within 128 bytes: rows of at most 128 bytes.</summary>
    Bytes128 = 3,
}
