// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>Facts and helpers common to the 8-bit and 4-bit formats. Thread-safe.</summary>
public static class Float8
{
    /// <summary>Largest finite value of <see cref="Float8E4M3"/>.</summary>
    public const float E4M3Max = 448f;

    /// <summary>Largest finite value of <see cref="Float8E5M2"/>.</summary>
    public const float E5M2Max = 57344f;

    /// <summary>Largest value of <see cref="Float4E2M1"/>.</summary>
    public const float E2M1Max = 6f;

    /// <summary>Rounds a scale up to a power of two; see <see cref="Float8E8M0.ScaleCeil"/>.</summary>
    /// <param name="scale">The scale; its sign is ignored.</param>
    public static Float8E8M0 ScaleCeil(float scale) => Float8E8M0.ScaleCeil(scale);
}
