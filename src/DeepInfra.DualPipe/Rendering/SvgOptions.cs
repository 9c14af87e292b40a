// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Rendering;

/// <summary>Looks of an SVG drawing.</summary>
public sealed record SvgOptions
{
    /// <summary>Width of the time axis in pixels. Default 1200.</summary>
    public int PlotWidth { get; init; } = 1200;

    /// <summary>Height of a rank's row in pixels. Default 24.</summary>
    public int RowHeight { get; init; } = 24;

    /// <summary>Whether all time lines share one scale, so that lengths compare. Default true.</summary>
    public bool SharedScale { get; init; } = true;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(PlotWidth, 100);
        ArgumentOutOfRangeException.ThrowIfLessThan(RowHeight, 12);
    }
}
