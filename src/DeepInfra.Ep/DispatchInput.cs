// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>What one rank sends in a dispatch.</summary>
/// <param name="X">Rows [T,H], host memory, contiguous within a row, H·element size a multiple of 16 bytes. Any element type; bits are never changed.</param>
/// <param name="TopkIdx">Int64 or Int32 [T,K], K at most 32: the experts of each token, -1 for no selection; no expert twice in a row. Null in a cached dispatch, or if only <see cref="Layout"/> is given.</param>
/// <param name="TopkWeights">Float32 [T,K]. Given exactly when <paramref name="TopkIdx"/> is; optional in a cached dispatch.</param>
public readonly record struct DispatchInput(
    Tensor X,
    Tensor? TopkIdx = null,
    Tensor? TopkWeights = null
)
{
    /// <summary>
    /// Scale factors [T,packs] of 4-byte elements (Float32, or Int32 with four packed UE8M0 exponents), any
    /// strides; only with one-byte elements in <see cref="X"/>.
    /// </summary>
    public Tensor? ScaleFactors { get; init; }

    /// <summary>Number of experts E over all ranks, a multiple of the number of ranks; expert e lives on rank e / (E/R). 0 in a cached dispatch.</summary>
    public int Experts { get; init; }

    /// <summary>A layout computed before: decides where each token goes if there is no <see cref="TopkIdx"/>, must agree with it otherwise. May be null.</summary>
    public DispatchLayout? Layout { get; init; }
}
