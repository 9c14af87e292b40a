// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>What <see cref="CudaTensor.Compare"/> found.</summary>
/// <param name="Count">How many elements differ.</param>
/// <param name="First">Row-major index of the first one; -1 if there is none.</param>
/// <param name="LargestDifference">The largest |actual - expected| that is a number, within tolerance or not.</param>
/// <param name="UnorderedCount">How many elements are NaN on one side only, or infinite and unequal.</param>
public readonly record struct TensorDifference(
    long Count,
    long First,
    float LargestDifference,
    long UnorderedCount
)
{
    /// <summary>True if no element differs.</summary>
    public bool IsEmpty => Count == 0;
}
