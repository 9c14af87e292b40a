// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// The product of all packed rows of A with one packed panel of B over one K block: for each step of K
/// tile += (scaleA[row] · scaleB[column]) · sum, with the sum started from zero.
/// </summary>
internal unsafe struct PanelProduct
{
    public byte* A;
    public byte* B;

    /// <summary>[row panels][most rows of a micro-tile][columns]: accumulators.</summary>
    public float* Tiles;

    /// <summary>[steps][<see cref="TileShape.MaxTaskRows"/>]: one factor per row.</summary>
    public float* ScaleA;

    /// <summary>[steps][<see cref="ScaleColumns"/>]: one factor per column.</summary>
    public float* ScaleB;
    public int ScaleColumns;
    public int Rows;
    public int RowPanels;

    /// <summary>True if rows of A are packed one after another, false for panels of columns.</summary>
    public bool RowMajor;

    /// <summary>Elements along K, at least 1.</summary>
    public int Depth;

    /// <summary>Elements along K that share scales.</summary>
    public int Step;

    /// <summary>True overwrites the tiles instead of adding to them.</summary>
    public bool First;

    /// <summary>Rows are spread evenly over the panels: a last panel of few rows would run at a fraction of the speed.</summary>
    public static int FirstRow(int rows, int panel, int panels) =>
        (int)((long)rows * panel / panels);
}
