// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// A stage without arithmetic: every action takes a given time, waited for mostly asleep, so that the
/// schedule of many ranks can be measured on few cores. Boundary tensors carry their stage and
/// micro-batch, and every call checks that it got the right ones. Use <see cref="SyntheticLoss"/> with it.
/// Allocates nothing once warm.
/// </summary>
/// <param name="costs">Times of the actions.</param>
/// <param name="stageCount">Number of stages of the pipeline.</param>
public sealed class SyntheticStage(SyntheticCosts costs, int stageCount) : IOverlappedPipelineStage
{
    private readonly Recycler<SyntheticTensor> _tensors = new(pool => new SyntheticTensor(pool));
    private readonly Recycler<Token> _tokens = new(pool => new Token(pool));
    private readonly Recycler<DeferredWork> _works = new(pool => new DeferredWork(pool));

    /// <inheritdoc/>
    public bool SupportsSplitBackward => true;

    /// <inheritdoc/>
    public StageForwardResult Forward(in StageForwardContext context)
    {
        var result = StartForward(context);
        Wait(costs.Forward);
        return result;
    }

    /// <inheritdoc/>
    public TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        var result = StartBackward(context, activation, outputGradients);
        Wait(costs.Input + costs.Weight);
        return result;
    }

    /// <inheritdoc/>
    public SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        var result = StartBackward(context, activation, outputGradients);
        var work = _works.Rent();
        work.MicroBatch = context.MicroBatch;
        Wait(costs.Input);
        return new SplitBackwardResult(result, work);
    }

    /// <inheritdoc/>
    public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work)
    {
        Check(((DeferredWork)work).MicroBatch == context.MicroBatch, context.Stage, "weight work");
        Wait(costs.Weight);
    }

    /// <inheritdoc/>
    public OverlappedResult ForwardBackward(
        in StageForwardContext forward,
        IOverlappedPipelineStage backwardStage,
        in StageBackwardContext backward,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        ArgumentNullException.ThrowIfNull(backwardStage);
        var first = StartForward(forward);
        var second = ((SyntheticStage)backwardStage).StartBackward(
            backward,
            activation,
            outputGradients
        );
        Wait(costs.ForwardBackward);
        return new OverlappedResult(first, second);
    }

    /// <summary>Sleeps most of the time and yields through the rest: sleeping alone is late by a tenth of a millisecond.</summary>
    internal static void Wait(TimeSpan duration)
    {
        if (duration <= TimeSpan.Zero)
        {
            return;
        }

        var start = Stopwatch.GetTimestamp();
        var milliseconds = (int)(duration.TotalMilliseconds - 0.5);
        if (milliseconds > 0)
        {
            Thread.Sleep(milliseconds);
        }

        while (Stopwatch.GetElapsedTime(start) < duration)
        {
            Thread.Yield();
        }
    }

    private StageForwardResult StartForward(in StageForwardContext context)
    {
        if (!context.IsFirst)
        {
            CheckTensor(context.Inputs, context.Stage, context.Stage - 1, context.MicroBatch);
        }

        var output = _tensors.Rent();
        output.Set(context.Stage, context.MicroBatch);
        Token? token = null;
        if (context.IsTraining)
        {
            token = _tokens.Rent();
            token.MicroBatch = context.MicroBatch;
        }

        return new StageForwardResult(output, token);
    }

    private TensorList StartBackward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        Check(((Token)activation).MicroBatch == context.MicroBatch, context.Stage, "activation");
        CheckTensor(outputGradients, context.Stage, context.Stage + 1, context.MicroBatch);
        if (!context.NeedsInputGradients)
        {
            return default;
        }

        var gradient = _tensors.Rent();
        gradient.Set(context.Stage, context.MicroBatch);
        return gradient;
    }

    private void CheckTensor(TensorList list, int stage, int fromStage, int microBatch)
    {
        Check(list.Count == 1 && list[0] is not null, stage, "number of tensors");
        var values = list[0]!.AsSpan<double>();
        Check(
            values[0] == fromStage && values[1] == microBatch && fromStage <= stageCount,
            stage,
            "stage or micro-batch of a tensor"
        );
    }

    private static void Check(bool condition, int stage, string what)
    {
        if (!condition)
        {
            throw new PipelineStageException($"synthetic stage {stage} got the wrong {what}");
        }
    }

    private sealed class Token(Recycler<Token> pool) : StageActivation
    {
        public int MicroBatch { get; set; }

        protected override void Dispose(bool disposing) => pool.Return(this);
    }

    private sealed class DeferredWork(Recycler<DeferredWork> pool) : WeightGradientWork
    {
        public int MicroBatch { get; set; }

        public override bool UsesBoundaryTensors => false;

        protected override void Dispose(bool disposing) => pool.Return(this);
    }
}
