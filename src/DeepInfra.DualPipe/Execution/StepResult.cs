// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Result of a step, as far as the ranks of this process own it.</summary>
public sealed class StepResult : IDisposable
{
    private readonly double[]?[] _losses;
    private readonly TensorList?[] _outputs;

    internal StepResult(
        long stepId,
        bool forwardOnly,
        double[]?[] losses,
        TensorList?[] outputs,
        PipelineTrace? trace
    )
    {
        StepId = stepId;
        ForwardOnly = forwardOnly;
        _losses = losses;
        _outputs = outputs;
        Trace = trace;
        if (losses.Any(l => l is not null))
        {
            Losses = [.. losses.SelectMany(l => l ?? [])];
        }
    }

    /// <summary>Number of the step.</summary>
    public long StepId { get; }

    /// <summary>Whether it ran without gradients.</summary>
    public bool ForwardOnly { get; }

    /// <summary>Losses in micro-batch order, direction 0 first; null when no local rank owns a loss.</summary>
    public IReadOnlyList<double>? Losses { get; }

    /// <summary>Start and end of every action of the local ranks; null unless tracing is on.</summary>
    public PipelineTrace? Trace { get; }

    /// <summary>Losses of one direction in micro-batch order; null when no local rank owns them.</summary>
    /// <param name="direction">0 or 1.</param>
    /// <returns>The losses.</returns>
    public IReadOnlyList<double>? LossesOf(int direction) => _losses[direction];

    /// <summary>
    /// Outputs for the inputs of one direction, joined along the batch dimension; null unless they were
    /// asked for and a local rank has them. Owned by this object.
    /// </summary>
    /// <param name="direction">0 or 1.</param>
    /// <returns>The outputs of the last stage.</returns>
    public TensorList? OutputsOf(int direction) => _outputs[direction];

    /// <summary>Releases the outputs.</summary>
    public void Dispose()
    {
        foreach (var outputs in _outputs)
        {
            outputs?.DisposeAll();
        }
    }
}
