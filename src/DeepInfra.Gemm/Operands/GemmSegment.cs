// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>One group of a multiplication (a dense problem has one): addresses, extents and its share of the tasks.</summary>
internal unsafe struct GemmSegment
{
    public byte* A;
    public byte* B;
    public byte* ScaleA;
    public byte* ScaleB;
    public byte* D;

    /// <summary>Null if nothing is accumulated.</summary>
    public byte* C;

    /// <summary>Elements from one row of A to the next (K-major), or from one k to the next (MN-major).</summary>
    public long LeadingA;

    public long LeadingB;
    public int M;

    /// <summary>0 writes C, or zeros.</summary>
    public int K;

    public int RowTile;
    public int RowTiles;
    public int FirstTask;
}
