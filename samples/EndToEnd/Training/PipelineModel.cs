// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.Ep;
using EndToEnd.Model;

namespace EndToEnd.Training;

/// <summary>
/// The model on 4 pipeline ranks x 2 expert ranks in this process. DualPipe holds every stage twice: rank r hosts
/// stage r for micro-batches that enter at rank 0 and stage 3-r for those that enter at rank 3.
/// </summary>
internal sealed class PipelineModel : IAsyncDisposable
{
    public const int PipelineRanks = 4;

    private readonly RankTeam[] _teams;
    private readonly ExpertParallelGroup[][] _groups;
    private readonly ThroughputBuffer[][][] _buffers;
    private readonly TransformerLayer[][] _layers;
    private readonly LocalPipelineGroup _pipeline;
    private readonly CrossEntropyLoss _loss;

    public PipelineModel(
        ModelConfig config,
        int microBatches,
        int seed,
        CpuBackendOptions cpu,
        bool trace
    )
    {
        _loss = new CrossEntropyLoss(config);
        MicroBatches = microBatches;
        Schedule = PipelineSchedules.DualPipe(PipelineRanks, microBatches);
        Traces = [.. Enumerable.Range(0, PipelineRanks).Select(r => new OverlapTrace(r))];
        _teams =
        [
            .. Enumerable
                .Range(0, PipelineRanks)
                .Select(r => new RankTeam($"pipe-{r}", config.ExpertRanks)),
        ];
        _groups =
        [
            .. Enumerable.Range(0, PipelineRanks).Select(_ => ExpertRanks.CreateGroup(config)),
        ];
        // One buffer per slot: the two halves of an overlapped pair have rows in flight at the same time.
        _buffers =
        [
            .. _groups.Select(group =>
                (ThroughputBuffer[][])
                    [
                        ExpertRanks.CreateBuffers(config, group),
                        ExpertRanks.CreateBuffers(config, group),
                    ]
            ),
        ];
        _layers =
        [
            .. Enumerable
                .Range(0, PipelineRanks)
                .Select(r =>
                    (TransformerLayer[])
                        [
                            new TransformerLayer(config, StageOf(r, 0), seed, cpu),
                            new TransformerLayer(config, StageOf(r, 1), seed, cpu),
                        ]
                ),
        ];
        _pipeline = LocalPipelineGroup.Create(
            Schedule,
            at => new PipelineStage(
                config,
                _layers[at.Rank][at.Slot],
                _teams[at.Rank],
                _buffers[at.Rank][at.Slot],
                trace ? Traces[at.Rank] : null
            ),
            new PipelineOptions { Trace = trace, ReceiveTimeout = TimeSpan.FromMinutes(2) }
        );
    }

    public PipelineSchedule Schedule { get; }

    public int MicroBatches { get; }

    public OverlapTrace[] Traces { get; }

    /// <summary>The first copy of every stage, in order; the second copies are bit-identical.</summary>
    public IReadOnlyList<TransformerLayer> Layers => [.. _layers.Select(l => l[0])];

    /// <summary>Runs all micro-batches; in training the gradients of both copies are summed afterwards.</summary>
    /// <param name="batch">The first half enters at rank 0, the second at rank 3.</param>
    public async Task<StepResult> StepAsync(
        Batch batch,
        bool training,
        CancellationToken cancellationToken
    )
    {
        if (training)
            foreach (var layer in _layers.SelectMany(l => l))
                layer.Parameters.ZeroGradients();
        var (inputs, labels) = batch;
        var half = inputs.GetLength(0) / 2;
        var step = new StepInputs
        {
            Direction0 = new DirectionData
            {
                Inputs = Rows(inputs, 0, half),
                Labels = Rows(labels, 0, half),
            },
            Direction1 = new DirectionData
            {
                Inputs = Rows(inputs, half, half),
                Labels = Rows(labels, half, half),
            },
            Loss = _loss,
            ForwardOnly = !training,
        };
        var result = await _pipeline.StepAsync(step, cancellationToken);
        if (training)
            Parallel.For(0, PipelineRanks, SumGradients);
        return result;
    }

    /// <summary>Clips, updates every copy, quantises the new weights and balances the routers.</summary>
    /// <returns>The gradient norm before clipping and each stage's expert load.</returns>
    public (double Norm, long[][] Load) Update(
        AdamW optimizer,
        int step,
        float learningRate,
        double maxNorm
    )
    {
        var scale = 1.0 / MicroBatches;
        var norm = scale * Math.Sqrt(Layers.Sum(l => SquaredNorm(l.Parameters)));
        if (norm > maxNorm)
            scale *= maxNorm / norm;
        var load = new long[PipelineRanks][];
        for (var stage = 0; stage < PipelineRanks; stage++)
            load[stage] =
            [
                .. Copies(stage)[0]
                    .Moe.Router.TakeLoad()
                    .Zip(Copies(stage)[1].Moe.Router.TakeLoad(), (a, b) => a + b),
            ];
        Parallel.For(
            0,
            2 * PipelineRanks,
            i =>
            {
                var layer = _layers[i / 2][i % 2];
                optimizer.Apply(layer.Parameters, step, learningRate, (float)scale);
                layer.Moe.Router.Balance(load[layer.Index], speed: 0.02f);
                layer.Refresh();
            }
        );
        return (norm, load);
    }

    /// <summary>Copies the first copies' weights and moments to the second and quantises all; after loading.</summary>
    public void SynchronizeCopies()
    {
        for (var stage = 0; stage < PipelineRanks; stage++)
        {
            var (first, second) = (Copies(stage)[0].Parameters, Copies(stage)[1].Parameters);
            first.Values.CopyTo(second.Values);
            first.FirstMoment.CopyTo(second.FirstMoment);
            first.SecondMoment.CopyTo(second.SecondMoment);
        }
        foreach (var layer in _layers.SelectMany(l => l))
            layer.Refresh();
    }

    /// <summary>True if both copies of every stage hold the same bits.</summary>
    public bool CopiesAgree() =>
        Enumerable
            .Range(0, PipelineRanks)
            .All(stage => Copies(stage)[0].Parameters.Hash() == Copies(stage)[1].Parameters.Hash());

    public async ValueTask DisposeAsync()
    {
        await _pipeline.DisposeAsync();
        foreach (var team in _teams)
            team.Dispose();
        foreach (var buffer in _buffers.SelectMany(b => b).SelectMany(b => b))
            buffer.Dispose();
        foreach (var group in _groups.SelectMany(g => g))
            group.Dispose();
        foreach (var layer in _layers.SelectMany(l => l))
            layer.Dispose();
    }

    private static int StageOf(int rank, int slot) => slot == 0 ? rank : PipelineRanks - 1 - rank;

    private TransformerLayer[] Copies(int stage) =>
        [_layers[stage][0], _layers[PipelineRanks - 1 - stage][1]];

    private void SumGradients(int stage)
    {
        var copies = Copies(stage);
        foreach (var copy in copies)
            copy.Parameters.ReduceGradients();
        ReplicaGradients.Add(
            copies[0].Parameters.Gradients[0].AsSpan(),
            copies[1].Parameters.Gradients[0].AsSpan()
        );
    }

    private static double SquaredNorm(ParameterSet parameters)
    {
        var sum = 0.0;
        foreach (var value in parameters.Gradients[0].AsSpan())
            sum += (double)value * value;
        return sum;
    }

    private static TensorList Rows(int[,] values, int start, int count)
    {
        var length = values.GetLength(1);
        var tensor = PipelineTensor.Allocate(PipelineDataType.Int32, count, length);
        var target = tensor.AsSpan<int>();
        for (var i = 0; i < count; i++)
        for (var j = 0; j < length; j++)
            target[i * length + j] = values[start + i, j];
        return TensorList.Of(tensor);
    }
}
