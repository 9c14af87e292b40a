// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>Times of a <see cref="SyntheticStage"/>.</summary>
/// <param name="Forward">F.</param>
/// <param name="Input">I.</param>
/// <param name="Weight">W; B takes I + W.</param>
/// <param name="ForwardBackward">F&amp;B.</param>
public sealed record SyntheticCosts(
    TimeSpan Forward,
    TimeSpan Input,
    TimeSpan Weight,
    TimeSpan ForwardBackward
)
{
    /// <summary>All actions return at once.</summary>
    public static SyntheticCosts Zero { get; } = new(default, default, default, default);

    /// <summary>Costs in milliseconds.</summary>
    /// <param name="forward">F.</param>
    /// <param name="input">I.</param>
    /// <param name="weight">W.</param>
    /// <param name="forwardBackward">F&amp;B; null = F + I + W.</param>
    /// <returns>The costs.</returns>
    public static SyntheticCosts FromMilliseconds(
        double forward,
        double input,
        double weight,
        double? forwardBackward = null
    ) =>
        new(
            TimeSpan.FromMilliseconds(forward),
            TimeSpan.FromMilliseconds(input),
            TimeSpan.FromMilliseconds(weight),
            TimeSpan.FromMilliseconds(forwardBackward ?? (forward + input + weight))
        );

    /// <summary>The same costs for the simulator, in milliseconds.</summary>
    /// <returns>The cost model.</returns>
    public Simulation.CostModel ToCostModel() =>
        new()
        {
            Forward = Forward.TotalMilliseconds,
            Backward = (Input + Weight).TotalMilliseconds,
            Weight = Weight.TotalMilliseconds,
            Input = Input.TotalMilliseconds,
            ForwardBackward = ForwardBackward.TotalMilliseconds,
        };
}
