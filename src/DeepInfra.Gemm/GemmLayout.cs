// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm;

/// <summary>
/// How the shapes of A and B are written, first letter A, second letter B. It says which dimension comes
/// first in the shape, not which one is contiguous in memory: either dimension may have stride 1.
/// </summary>
public enum GemmLayout
{
    /// <summary>A [M,K], B [N,K].</summary>
    NT,

    /// <summary>A [M,K], B [K,N].</summary>
    NN,

    /// <summary>A [K,M], B [K,N].</summary>
    TN,

    /// <summary>A [K,M], B [N,K].</summary>
    TT,
}
