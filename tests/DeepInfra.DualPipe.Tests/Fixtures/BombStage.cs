// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Tests.Fixtures;

/// <summary>Goes off at the n-th stage call of one rank: throws, or cancels a source.</summary>
internal sealed class Bomb
{
    private readonly int[] _calls = new int[64];
    private int _rank = -1;
    private int _call;
    private CancellationTokenSource? _source;

    public void Arm(int rank, int call, CancellationTokenSource? source = null)
    {
        Array.Clear(_calls);
        (_rank, _call, _source) = (rank, call, source);
    }

    public void Tick(int rank)
    {
        if (_calls[rank]++ == _call && rank == _rank)
        {
            if (_source is null)
            {
                throw new InvalidTimeZoneException("boom");
            }

            _source.Cancel();
        }
    }
}

/// <summary>A synthetic stage whose every action, pairs included, ticks a bomb once.</summary>
internal sealed class BombStage(SyntheticStage inner, Bomb bomb, int rank)
    : IOverlappedPipelineStage
{
    private SyntheticStage Inner => inner;

    public bool SupportsSplitBackward => true;

    public StageForwardResult Forward(in StageForwardContext context)
    {
        bomb.Tick(rank);
        return inner.Forward(context);
    }

    public TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        bomb.Tick(rank);
        return inner.Backward(context, activation, outputGradients);
    }

    public SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        bomb.Tick(rank);
        return inner.BackwardInput(context, activation, outputGradients);
    }

    public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work)
    {
        bomb.Tick(rank);
        inner.BackwardWeight(context, work);
    }

    public OverlappedResult ForwardBackward(
        in StageForwardContext forward,
        IOverlappedPipelineStage backwardStage,
        in StageBackwardContext backward,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        bomb.Tick(rank);
        return inner.ForwardBackward(
            forward,
            ((BombStage)backwardStage).Inner,
            backward,
            activation,
            outputGradients
        );
    }
}
