// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Gemm;

/// <summary>The optional arguments of a matrix multiplication. The default value means none of them.</summary>
public readonly record struct GemmCall
{
    /// <summary>
    /// C in D = C + A·B, with the element type and shape of D. It may be D itself (accumulation in place); if it shares
    /// memory with D, both must have the same strides. Null computes D = A·B.
    /// </summary>
    public Tensor? Accumulate { get; init; }

    /// <summary>[N], Float32 or BFloat16, contiguous: added to every row of the result.</summary>
    public Tensor? Bias { get; init; }

    /// <summary>The scaling of both operands; excludes <see cref="RecipeA"/> and <see cref="RecipeB"/>.</summary>
    public ScaleRecipe? Recipe { get; init; }

    /// <summary>The scaling of A; needs <see cref="RecipeB"/>.</summary>
    public OperandRecipe? RecipeA { get; init; }

    /// <summary>The scaling of B; needs <see cref="RecipeA"/>.</summary>
    public OperandRecipe? RecipeB { get; init; }

    /// <summary>The stream of a multiplication on a CUDA device, which it needs; must be null on the CPU.</summary>
    public CudaStream? Stream { get; init; }

    /// <summary>On the CPU checked between tiles, on a device before the work is enqueued; after cancellation the contents of D are undefined.</summary>
    public CancellationToken CancellationToken { get; init; }
}
