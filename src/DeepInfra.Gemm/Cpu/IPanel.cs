// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Cpu;

/// <summary>Where an element of a panel of A lies: constants of the machine code, so that rows cost no address arithmetic.</summary>
internal interface IPanel
{
    /// <summary>Elements from one row to the next.</summary>
    static abstract int RowStride { get; }

    /// <summary>Elements from one k to the next.</summary>
    static abstract int DepthStride { get; }
}

/// <summary>[row][k]: decoded rows of K-major A need no transposition, the kernel broadcasts single elements anyway.</summary>
internal readonly struct RowPanel : IPanel
{
    public static int RowStride => TileShape.Depth;
    public static int DepthStride => 1;
}

/// <summary>[k][row]: MN-major A.</summary>
internal readonly struct ColumnPanel : IPanel
{
    public static int RowStride => 1;
    public static int DepthStride => TileShape.ColumnPanelStride;
}
