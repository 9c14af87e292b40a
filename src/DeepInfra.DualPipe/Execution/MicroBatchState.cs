// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>What a rank holds for one (slot, micro-batch). Empty before and after a step.</summary>
internal struct MicroBatchState
{
    public TensorList Inputs;
    public TensorList Outputs;
    public TensorList OutputGradients;
    public TensorList InputGradients;
    public StageActivation? Activation;
    public WeightGradientWork? Work;
    public IDisposable? LossState;

    /// <summary>Releases the micro-batch's inputs and output gradients.</summary>
    public void ReleaseBoundary()
    {
        Inputs.DisposeAll();
        Inputs = default;
        OutputGradients.DisposeAll();
        OutputGradients = default;
    }

    /// <summary>Releases everything that the backward needed.</summary>
    public void FinishBackward()
    {
        ReleaseBoundary();
        var activation = Activation;
        Activation = null;
        activation?.Dispose();
        var work = Work;
        Work = null;
        work?.Dispose();
    }

    public void Clear()
    {
        FinishBackward();
        Outputs.DisposeAll();
        Outputs = default;
        InputGradients.DisposeAll();
        InputGradients = default;
        LossState?.Dispose();
        LossState = null;
    }
}
