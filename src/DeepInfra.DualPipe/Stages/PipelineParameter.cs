// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// One weight of a stage and its gradient accumulator, both Float32. Two stages that share a weight
/// return the same object.
/// </summary>
/// <param name="name">Name, unique within the stage.</param>
/// <param name="value">The weight.</param>
/// <param name="gradient">The accumulated gradient; same length.</param>
public sealed class PipelineParameter(string name, Memory<float> value, Memory<float> gradient)
{
    /// <summary>Name, unique within the stage.</summary>
    public string Name { get; } = name;

    /// <summary>The weight.</summary>
    public Memory<float> Value { get; } = value;

    /// <summary>The accumulated gradient.</summary>
    public Memory<float> Gradient { get; } =
        gradient.Length == value.Length
            ? gradient
            : throw new ArgumentException(
                $"gradient: expected {value.Length} elements, got {gradient.Length}",
                nameof(gradient)
            );
}
