// SPDX-License-Identifier: MIT
namespace DeepInfra.Testing;

/// <summary>
/// How far a result may be from its reference. An element passes if its absolute error is below
/// <paramref name="Absolute"/> or its relative error (to |reference| + 1e-6) below <paramref name="Relative"/>; the
/// whole passes if every element does and the difference (see <see cref="Metrics.Difference"/>) is below
/// <paramref name="Difference"/>. Infinity switches a limit off.
/// </summary>
public sealed record Tolerance(
    double Absolute = double.PositiveInfinity,
    double Relative = double.PositiveInfinity,
    double Difference = double.PositiveInfinity
)
{
    /// <summary>Only the difference counts.</summary>
    public static Tolerance OfDifference(double difference) => new(Difference: difference);
}
