// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Quantization;

/// <summary>
/// The binary32 formula that turns the largest magnitude of a block, at least 1e-4, into its scale and the factor
/// that values are multiplied with. MAX is the largest value of the code format, 448 for E4M3.
/// </summary>
public enum ScaleRule
{
    /// <summary>scale = amax / MAX (rounded up to a power of two if asked for), factor = 1 / scale; DeepGEMM's.</summary>
    Divide,

    /// <summary>
    /// scale = amax × round(1 / MAX), factor = MAX / amax; with powers of two the rounded-up scale and its
    /// reciprocal. DeepEP's low-latency dispatch.
    /// </summary>
    MultiplyReciprocal,
}
