// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;

namespace EndToEnd.Model;

/// <summary>The activations of all expert ranks, as the pipeline engine holds them.</summary>
internal sealed class MicroBatchActivation(LayerActivation[] layers) : StageActivation
{
    private bool _taken;

    public LayerActivation[] Layers { get; } = layers;

    /// <summary>Hands the memory to the deferred weight work.</summary>
    public LayerActivation[] TakeLayers()
    {
        _taken = true;
        return Layers;
    }

    protected override void Dispose(bool disposing)
    {
        if (!disposing || _taken)
            return;
        _taken = true;
        foreach (var layer in Layers)
            layer.Dispose();
    }
}
