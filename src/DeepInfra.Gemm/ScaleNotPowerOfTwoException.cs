// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm;

/// <summary>A Float32 scale cannot become a UE8M0 exponent: it is negative, not finite or not a power of two.</summary>
public sealed class ScaleNotPowerOfTwoException : DeepInfraException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="scale">The scale.</param>
    /// <param name="row">Its row.</param>
    /// <param name="block">Its K block.</param>
    public ScaleNotPowerOfTwoException(float scale, long row, long block)
        : base(
            string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"scales[{row},{block}]: expected a power of two, got {scale}; quantise with ue8m0 instead of rounding scales afterwards"
            )
        )
    {
        Scale = scale;
    }

    /// <summary>The scale that has no exponent code.</summary>
    public float Scale { get; }
}
