// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>A stage whose weights and gradients are accessible between steps.</summary>
public interface IParameterizedStage : IPipelineStage
{
    /// <summary>The weights in a fixed order.</summary>
    IReadOnlyList<PipelineParameter> Parameters { get; }
}
