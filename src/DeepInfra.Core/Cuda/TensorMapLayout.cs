// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>What a tiled tensor map describes. Dimension 0 is the innermost one, contrary to <see cref="Shape"/>.</summary>
public readonly ref struct TensorMapLayout
{
    /// <summary>Most dimensions.</summary>
    public const int MaxRank = 5;

    /// <summary>Type of the elements.</summary>
    public required TensorMapElementType ElementType { get; init; }

    /// <summary>Elements of the tensor per dimension, innermost first: 1 to 5 values, each in [1, 2^32].</summary>
    public required ReadOnlySpan<long> Extents { get; init; }

    /// <summary>
    /// Steps in bytes of dimensions 1 and up (the innermost is dense): multiples of 16 below 2^40, one less than dimensions.
    /// </summary>
    public ReadOnlySpan<long> StrideBytes { get; init; }

    /// <summary>Elements of the box that one copy moves, per dimension: each in [1, 256].</summary>
    public required ReadOnlySpan<int> Box { get; init; }

    /// <summary>Takes every n-th element, per dimension: each in [1, 8]; empty means 1.</summary>
    public ReadOnlySpan<int> ElementSteps { get; init; }

    /// <summary>Interleaved layouts of channels; none by default.</summary>
    public TensorMapInterleave Interleave { get; init; }

    /// <summary>How the rows of the box are permuted in shared memory against bank conflicts.</summary>
    public TensorMapSwizzle Swizzle { get; init; }

    /// <summary>How much is fetched into the level-2 cache at a time.</summary>
    public TensorMapL2Promotion L2Promotion { get; init; }

    /// <summary>What elements outside the tensor read as.</summary>
    public TensorMapFill Fill { get; init; }

    /// <summary>Number of dimensions.</summary>
    public int Rank => Extents.Length;

    /// <summary>All values as text.</summary>
    public override string ToString() =>
        $"{ElementType} [{Join(Extents)}] strides [{Join(StrideBytes)}] box [{Join(Box)}] swizzle {Swizzle}";

    private static string Join<T>(ReadOnlySpan<T> values) => string.Join(',', values.ToArray());
}
