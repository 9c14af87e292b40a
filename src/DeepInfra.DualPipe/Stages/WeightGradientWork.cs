// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// Weight-gradient work that a backward for the inputs left for later. The engine disposes it after
/// <see cref="IPipelineStage.BackwardWeight"/>, or when the step fails.
/// </summary>
public abstract class WeightGradientWork : IDisposable
{
    /// <summary>
    /// Whether the work reads the micro-batch's inputs or output gradients. When false the engine releases
    /// them right after the backward for the inputs instead of after the W.
    /// </summary>
    public virtual bool UsesBoundaryTensors => true;

    /// <summary>Frees captured state.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees captured state.</summary>
    /// <param name="disposing">True when called from <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);
}
