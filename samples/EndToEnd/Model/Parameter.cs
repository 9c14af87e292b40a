// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>
/// One weight of a stage: a slice of the stage's flat storage. Each expert rank adds to its own gradient, so
/// that the two threads never write the same memory; they are summed in rank order after the step.
/// </summary>
internal sealed class Parameter(string name, Shape shape, float initialDeviation)
{
    private readonly Tensor<float>[] _gradients = new Tensor<float>[2];
    private Tensor<float>? _value;

    public string Name { get; } = name;

    public Shape Shape { get; } = shape;

    /// <summary>Standard deviation of the initial values; 0 means all ones (norm gains).</summary>
    public float InitialDeviation { get; } = initialDeviation;

    public Tensor<float> Value =>
        _value ?? throw new InvalidOperationException($"{Name} has no storage yet.");

    public Tensor<float> Gradient(int expertRank) => _gradients[expertRank];

    public void Bind(Tensor<float> value, Tensor<float> firstGradient, Tensor<float> secondGradient)
    {
        _value = value;
        _gradients[0] = firstGradient;
        _gradients[1] = secondGradient;
    }
}
