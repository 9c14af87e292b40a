// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Validation;

/// <summary>What a validation checks beyond the fixed rules.</summary>
public sealed record ValidationOptions
{
    /// <summary>Whether W must run in the order of the I; null = for DualPipe and DualPipeV only.</summary>
    public bool? RequireFifo { get; init; }

    /// <summary>
    /// Largest allowed number of live activations of a rank; null = the bound of the schedule's kind, none
    /// for custom schedules.
    /// </summary>
    public Func<int, int>? ActivationBound { get; init; }

    /// <summary>Whether V8 is checked; it is what makes results independent of timing. Default true.</summary>
    public bool CheckAccumulationOrder { get; init; } = true;
}
