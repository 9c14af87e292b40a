// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>Memory order of received scale factors [rows, packs].</summary>
public enum ScaleFactorLayout
{
    /// <summary>Compact rows: strides (packs, 1).</summary>
    RowMajor,

    /// <summary>Columns a multiple of four rows apart, as TMA loads them: strides (1, rows rounded up to 4).</summary>
    TmaColumnMajor,
}
