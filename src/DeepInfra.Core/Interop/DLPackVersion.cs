// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>The version of DLPack that a tensor follows, 8 bytes.</summary>
/// <param name="Major">Other values mean another layout.</param>
/// <param name="Minor">Larger values add codes.</param>
public readonly record struct DLPackVersion(uint Major, uint Minor)
{
    /// <summary>The version written by <see cref="Tensor.ToDLPack(bool)"/>.</summary>
    public static DLPackVersion Current => new(1, 1);
}
