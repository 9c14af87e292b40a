// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Extents of a grid, block or cluster. A number converts to (number, 1, 1).</summary>
/// <param name="X">Fastest extent.</param>
/// <param name="Y">Second extent.</param>
/// <param name="Z">Third extent.</param>
public readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    /// <summary>The product.</summary>
    public long Count => (long)X * Y * Z;

    /// <summary>A one-dimensional extent.</summary>
    /// <param name="x">The extent.</param>
    public static implicit operator Dim3(int x) => new(x);

    /// <summary>A one-dimensional extent.</summary>
    /// <param name="x">The extent.</param>
    public static Dim3 FromInt32(int x) => new(x);

    /// <inheritdoc/>
    public override string ToString() => $"({X},{Y},{Z})";
}
