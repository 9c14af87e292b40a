// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// What a stage saves in the forward for the backward of the same micro-batch. The engine disposes it
/// when the backward is finished (B, or W of a split backward), or when the step fails.
/// </summary>
public abstract class StageActivation : IDisposable
{
    /// <summary>
    /// The saved tensors, for the engine's check that outputs do not share their storage. Optional.
    /// </summary>
    public virtual ReadOnlySpan<PipelineTensor?> SavedTensors => [];

    /// <summary>Frees the saved state.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the saved state.</summary>
    /// <param name="disposing">True when called from <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);
}
