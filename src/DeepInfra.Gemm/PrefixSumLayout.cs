// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm;

/// <summary>
/// The end of every group. Group g covers [start, <c>Ends[g]</c>) where start is <c>Ends[g-1]</c> rounded up to a multiple of
/// <see cref="GemmContext.MkAlignment"/> (0 for the first group).
/// </summary>
/// <param name="Ends">Int32 [G], contiguous, never descending: the exclusive end of each group.</param>
/// <param name="ExpectedM">A hint for kernel selection: rows per group to expect. It does not change the result.</param>
/// <param name="EnsureZeroPadding">
/// True writes zeros to the output rows between the end of a group and the next multiple of the alignment; false leaves
/// them as they are.
/// </param>
public sealed record PrefixSumLayout(
    Tensor Ends,
    int? ExpectedM = null,
    bool EnsureZeroPadding = true
) : GroupLayout;
