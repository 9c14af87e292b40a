// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>Names a parameter of a stage.</summary>
/// <param name="Stage">Logical stage.</param>
/// <param name="Name">Name of the parameter within the stage.</param>
public readonly record struct ParameterReference(int Stage, string Name);
