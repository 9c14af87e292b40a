// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.Ep;

namespace EndToEnd.Model;

/// <summary>
/// A <see cref="TransformerLayer"/> as a pipeline stage. Each call is carried out by all expert ranks of the
/// pipeline rank, each on its share of the micro-batch's sequences. <see cref="ForwardBackward"/> is the
/// overlapped pair of DualPipe: while rows of one micro-batch travel between the expert ranks, the other
/// micro-batch computes.
/// </summary>
internal sealed class PipelineStage(
    ModelConfig config,
    TransformerLayer layer,
    RankTeam team,
    ThroughputBuffer[] buffers,
    OverlapTrace? trace = null
) : IOverlappedPipelineStage
{
    public TransformerLayer Layer => layer;

    public bool SupportsSplitBackward => true;

    public StageForwardResult Forward(in StageForwardContext context)
    {
        var run = new ForwardRun(this, context);
        team.Run(rank =>
        {
            run.Begin(rank);
            run.Middle(rank);
            run.End(rank);
        });
        return run.Result();
    }

    public TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        var run = new BackwardRun(this, context, (MicroBatchActivation)activation, outputGradients);
        team.Run(rank =>
        {
            run.Begin(rank);
            run.Middle(rank);
            run.End(rank);
            run.Deferred[rank].Run();
        });
        return run.Result();
    }

    public SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        var owned = (MicroBatchActivation)activation;
        var run = new BackwardRun(this, context, owned, outputGradients);
        team.Run(rank =>
        {
            run.Begin(rank);
            run.Middle(rank);
            run.End(rank);
        });
        return new SplitBackwardResult(
            run.Result(),
            new MicroBatchWeightWork(run.Deferred, owned.TakeLayers())
        );
    }

    public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work)
    {
        var deferred = ((MicroBatchWeightWork)work).Deferred;
        team.Run(rank => deferred[rank].Run());
    }

    public OverlappedResult ForwardBackward(
        in StageForwardContext forward,
        IOverlappedPipelineStage backwardStage,
        in StageBackwardContext backward,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        var f = new ForwardRun(this, forward);
        var b = new BackwardRun(
            (PipelineStage)backwardStage,
            backward,
            (MicroBatchActivation)activation,
            outputGradients
        );
        team.Run(rank =>
        {
            // Each line computes while the rows sent on the line before it are on their way.
            b.Begin(rank);
            f.Begin(rank);
            b.Middle(rank);
            f.Middle(rank);
            b.End(rank);
            b.Deferred[rank].Run();
            f.End(rank);
        });
        return new OverlappedResult(f.Result(), b.Result());
    }

    /// <summary>A forward pass in phases.</summary>
    private sealed class ForwardRun
    {
        private readonly PipelineStage _stage;
        private readonly PipelineTensor _input;
        private readonly PipelineTensor _output;
        private readonly LayerActivation[] _layers;
        private readonly int _microBatch;
        private readonly bool _training;
        private readonly int _sequences;
        private readonly int _length;

        public ForwardRun(PipelineStage stage, in StageForwardContext context)
        {
            _stage = stage;
            _microBatch = context.MicroBatch;
            _training = context.IsTraining;
            _input = context.Inputs[0]!;
            _sequences = (int)_input.Shape[0] / stage.RankCount;
            _length = (int)_input.Shape[1];
            _output = PipelineTensor.Allocate(
                PipelineDataType.Float32,
                _input.Shape[0],
                _length,
                stage.Layer.IsLast ? stage.Config.Vocabulary : stage.Config.Width
            );
            _layers = new LayerActivation[stage.RankCount];
        }

        private int Tokens => _sequences * _length;

        public void Begin(int rank)
        {
            using var _ = _stage.Trace(rank, _microBatch, "attention");
            var a = _layers[rank] = new LayerActivation
            {
                CumulativeLengths = EqualLengths(_sequences, _length),
            };
            Tensor<float> x;
            if (_stage.Layer.IsFirst)
            {
                a.Tokens = _input.AsSpan<int>().Slice(rank * Tokens, Tokens).ToArray();
                x = _stage.Layer.Embed(a.Arena, a.Tokens);
            }
            else
            {
                x = a.Arena.Rent(Tokens, _stage.Config.Width);
                Share(_input, rank, Tokens * _stage.Config.Width).CopyTo(x.AsSpan());
            }
            _stage.Layer.BeginForward(a, x, _stage.Buffer(rank));
        }

        public void Middle(int rank)
        {
            using var _ = _stage.Trace(rank, _microBatch, "experts");
            _stage.Layer.MiddleForward(_layers[rank], _stage.Buffer(rank), rank);
        }

        public void End(int rank)
        {
            using var _ = _stage.Trace(rank, _microBatch, "combine");
            var columns = (int)_output.Shape[2];
            var y = _layers[rank].Arena.Rent(Tokens, columns);
            _stage.Layer.EndForward(_layers[rank], y);
            y.AsSpan().CopyTo(Share(_output, rank, Tokens * columns));
        }

        public StageForwardResult Result()
        {
            if (_training)
                return new StageForwardResult(_output, new MicroBatchActivation(_layers));
            foreach (var layer in _layers)
                layer.Dispose();
            return new StageForwardResult(_output, null);
        }
    }

    /// <summary>A backward pass in phases.</summary>
    private sealed class BackwardRun
    {
        private readonly PipelineStage _stage;
        private readonly LayerActivation[] _layers;
        private readonly PipelineTensor _outputGradient;
        private readonly PipelineTensor? _inputGradient;
        private readonly int _microBatch;
        private readonly int _tokens;

        public BackwardRun(
            PipelineStage stage,
            in StageBackwardContext context,
            MicroBatchActivation activation,
            TensorList outputGradients
        )
        {
            _stage = stage;
            _microBatch = context.MicroBatch;
            _layers = activation.Layers;
            _outputGradient = outputGradients[0]!;
            _tokens = (int)(_outputGradient.Shape[0] * _outputGradient.Shape[1]) / stage.RankCount;
            if (!stage.Layer.IsFirst)
                _inputGradient = PipelineTensor.Allocate(
                    PipelineDataType.Float32,
                    _outputGradient.Shape[0],
                    _outputGradient.Shape[1],
                    stage.Config.Width
                );
            Deferred = new DeferredWork[stage.RankCount];
            for (var i = 0; i < Deferred.Length; i++)
                Deferred[i] = new DeferredWork();
        }

        public DeferredWork[] Deferred { get; }

        public void Begin(int rank)
        {
            using var _ = _stage.Trace(rank, _microBatch, "head backward");
            var columns = (int)_outputGradient.Shape[2];
            var dy = _layers[rank].Arena.Rent(_tokens, columns);
            Share(_outputGradient, rank, _tokens * columns).CopyTo(dy.AsSpan());
            _stage.Layer.BeginBackward(
                _layers[rank],
                dy,
                _stage.Buffer(rank),
                rank,
                Deferred[rank]
            );
        }

        public void Middle(int rank)
        {
            using var _ = _stage.Trace(rank, _microBatch, "experts backward");
            _stage.Layer.MiddleBackward(_layers[rank], _stage.Buffer(rank), rank, Deferred[rank]);
        }

        public void End(int rank)
        {
            using var _ = _stage.Trace(rank, _microBatch, "attention backward");
            var dx = _stage.Layer.EndBackward(_layers[rank], rank, Deferred[rank]);
            dx?.AsSpan().CopyTo(Share(_inputGradient!, rank, _tokens * _stage.Config.Width));
        }

        public TensorList Result() => TensorList.Of(_inputGradient);
    }

    private ModelConfig Config => config;

    private int RankCount => team.Size;

    private ThroughputBuffer Buffer(int rank) => buffers[rank];

    private OverlapTrace.Span Trace(int rank, int microBatch, string phase) =>
        OverlapTrace.Begin(trace, rank, microBatch, phase);

    private static Span<float> Share(PipelineTensor tensor, int rank, int count) =>
        tensor.AsSpan<float>().Slice(rank * count, count);

    private static Tensor<int> EqualLengths(int sequences, int length)
    {
        var starts = Tensor<int>.Create([sequences + 1], zeroed: false);
        for (var i = 0; i <= sequences; i++)
            starts.AsSpan()[i] = i * length;
        return starts;
    }
}
