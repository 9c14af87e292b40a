// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm;

/// <summary>A group id for every row.</summary>
/// <param name="Indices">
/// Int32 [M], contiguous: the group of each row, or -1 for a padding row. Rows of one group are neighbours. The
/// output of padding rows is zero. CUDA kernels need every group to start at a multiple of
/// <see cref="GemmContext.MkAlignment"/>; the CPU backend takes any start.
/// </param>
public sealed record MIndicesLayout(Tensor Indices) : GroupLayout;
