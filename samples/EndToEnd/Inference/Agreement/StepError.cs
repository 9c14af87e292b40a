// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference.Agreement;

/// <summary>Relative errors of a half layer that was given the right inputs.</summary>
/// <param name="Typical">Root mean square over the tokens of the worst layer.</param>
/// <param name="Worst">Of all tokens and layers.</param>
internal readonly record struct StepError(double Typical, double Worst)
{
    /// <param name="ranks">Errors by rank, layer and token.</param>
    public static StepError Of(IEnumerable<IReadOnlyList<double>[]> ranks)
    {
        var byLayer = ranks
            .SelectMany(layers => layers.Select((errors, layer) => (layer, errors)))
            .GroupBy(l => l.layer, l => l.errors)
            .Select(layer => layer.SelectMany(errors => errors).ToList())
            .ToList();
        return new StepError(byLayer.Max(Distance.Rms), byLayer.Max(errors => errors.Max()));
    }
}
