// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;

namespace EndToEnd.Model;

/// <summary>The weight half of a split backward of all expert ranks, with the activations it reads.</summary>
internal sealed class MicroBatchWeightWork(DeferredWork[] deferred, LayerActivation[] layers)
    : WeightGradientWork
{
    private bool _disposed;

    public DeferredWork[] Deferred { get; } = deferred;

    /// <summary>Inputs and output gradients were copied into the activations.</summary>
    public override bool UsesBoundaryTensors => false;

    protected override void Dispose(bool disposing)
    {
        if (!disposing || _disposed)
            return;
        _disposed = true;
        foreach (var layer in layers)
            layer.Dispose();
    }
}
