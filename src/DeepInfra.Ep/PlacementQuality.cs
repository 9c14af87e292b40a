// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>The loads of one layer under a placement.</summary>
/// <param name="LoadPerGpu">Load of each GPU.</param>
/// <param name="LoadPerNode">Load of each node.</param>
public sealed record PlacementQuality(
    IReadOnlyList<double> LoadPerGpu,
    IReadOnlyList<double> LoadPerNode
)
{
    /// <summary>Largest GPU load over the mean: 1 is perfect. 1 without any load.</summary>
    public double GpuImbalance => Imbalance(LoadPerGpu);

    /// <summary>Largest node load over the mean: 1 is perfect. 1 without any load.</summary>
    public double NodeImbalance => Imbalance(LoadPerNode);

    private static double Imbalance(IReadOnlyList<double> loads)
    {
        var mean = loads.Average();
        return mean > 0 ? loads.Max() / mean : 1;
    }
}
