// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Tests.Fixtures;

namespace DeepInfra.DualPipe.Tests.Execution;

public sealed class ReplicaGradientsTests
{
    private const float LearningRate = 0.05f;
    private const double LossTolerance = 1e-6;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Synchronize_FiveOptimizerSteps_KeepsCopiesEqualAndFollowsSingleProcess()
    {
        var schedule = PipelineSchedules.DualPipe(4, 8);
        var model = new TinyModel(4, width: 16);
        var single = Enumerable.Range(0, 4).Select(model.CreateStage).ToArray();
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );
        for (var step = 0; step < 5; step++)
        {
            var inputs = model.Inputs(schedule, seed: 50 + (10 * step));

            using var result = await group.StepAsync(inputs, Token);
            ReplicaGradients.Synchronize(group);
            for (var rank = 0; rank < 4; rank++)
            {
                Update((IParameterizedStage)group.StageAt(rank, 0));
                Update((IParameterizedStage)group.StageAt(rank, 1));
            }

            ReplicaGradients.CheckCopiesEqual(group);
            var reference = model.RunReference(inputs, 2, 4, stages: single);
            foreach (var stage in single)
            {
                Update(stage);
            }

            result
                .Losses!.Zip(reference.Losses)
                .Should()
                .OnlyContain(p => Math.Abs(p.First - p.Second) <= LossTolerance * p.Second);
        }
    }

    [Fact]
    public async Task CheckCopiesEqual_DifferentWeights_NamesStage()
    {
        var seed = 0;
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(2, 4),
            _ => new LinearGeluLinearStage(4, 8, seed++)
        );

        FluentActions
            .Invoking(() => ReplicaGradients.CheckCopiesEqual(group))
            .Should()
            .Throw<PipelineException>()
            .WithMessage("*copies of stage 0 differ*");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Synchronize_TiedWeights_SumsOnceWhetherBuffersAreSharedOrNot(bool shared)
    {
        // First and last stage use one weight; in DualPipe ranks 0 and P-1 host both of them.
        var schedule = PipelineSchedules.DualPipe(2, 4);
        var tie = TiedParameters.Of(new(0, "w"), new(1, "w"));
        var perRank = Enumerable.Range(0, 2).Select(_ => NewWeight()).ToArray();
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new ScaleStage(shared ? perRank[l.Rank] : NewWeight()),
            new PipelineOptions { TiedParameters = [tie] }
        );

        using var result = await group.StepAsync(ScaleStage.Inputs(schedule), Token);
        ReplicaGradients.Synchronize(group);

        var expected = ScaleStage.ExpectedGradient(4, stages: 2);
        for (var rank = 0; rank < 2; rank++)
        {
            for (var slot = 0; slot < 2; slot++)
            {
                ((ScaleStage)group.StageAt(rank, slot)).Gradient.Should().Be(expected);
            }
        }
    }

    [Fact]
    public async Task Synchronize_TiedWeightsInDualPipeV_SumsOnce()
    {
        var schedule = PipelineSchedules.DualPipeV(1, 2);
        var weight = NewWeight();
        await using var group = LocalPipelineGroup.Create(
            schedule,
            _ => new ScaleStage(weight),
            new PipelineOptions { TiedParameters = [TiedParameters.Of(new(0, "w"), new(1, "w"))] }
        );

        using var result = await group.StepAsync(ScaleStage.Inputs(schedule), Token);
        ReplicaGradients.Synchronize(group);

        weight.Gradient.Span[0].Should().Be(ScaleStage.ExpectedGradient(2, stages: 2));
    }

    [Fact]
    public async Task Synchronize_UnknownTie_Throws()
    {
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(2, 2),
            _ => new ScaleStage(NewWeight()),
            new PipelineOptions { TiedParameters = [TiedParameters.Of(new(0, "w"), new(1, "x"))] }
        );

        FluentActions
            .Invoking(() => ReplicaGradients.Synchronize(group))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*'x' of stage 1*");
    }

    [Fact]
    public async Task Synchronize_StageWithoutParameters_Throws()
    {
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(2, 4),
            l => new SyntheticStage(SyntheticCosts.Zero, l.StageCount)
        );

        FluentActions
            .Invoking(() => ReplicaGradients.Synchronize(group))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*SyntheticStage*");
    }

    [Theory]
    [InlineData("w", 2, "*'w' of stage 0: expected 1 elements, got 2*")]
    [InlineData("v", 1, "*stage 0*'w'*direction 1*")]
    public async Task Synchronize_CopiesThatDiffer_ThrowsAndChangesNothing(
        string name,
        int length,
        string message
    )
    {
        var first = new PipelineParameter("w", new float[1], new[] { 3f });
        var second = new PipelineParameter(name, new float[length], new float[length]);
        second.Gradient.Span.Fill(5);
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(2, 4),
            l => new ScaleStage(l.Rank == l.Stage ? first : second)
        );

        FluentActions
            .Invoking(() => ReplicaGradients.Synchronize(group))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage(message);

        first.Gradient.ToArray().Should().Equal(3f);
        second.Gradient.ToArray().Should().OnlyContain(x => x == 5f);
    }

    [Fact]
    public void Add_TwoBuffers_BothGetTheSum()
    {
        float[] a = [1, 2, 3];
        float[] b = [10, 20, 30];

        ReplicaGradients.Add(a, b);

        a.Should().Equal(11, 22, 33);
        b.Should().Equal(11, 22, 33);
        FluentActions
            .Invoking(() => ReplicaGradients.Add(a, b.AsSpan(1)))
            .Should()
            .Throw<ArgumentException>();
    }

    [Fact]
    public async Task StepAsync_WeightUsedTwiceInAStage_SplitEqualsFullBackward()
    {
        // y = w (w x): the deferred work covers both uses, and neither counts twice.
        var gradients = new List<float>();
        foreach (var split in new[] { true, false })
        {
            var schedule = PipelineSchedules.DualPipeV(2, 4);
            await using var group = LocalPipelineGroup.Create(
                schedule,
                _ => new ScaleStage(NewWeight(), uses: 2, split)
            );
            using var result = await group.StepAsync(ScaleStage.Inputs(schedule), Token);
            gradients.Add(((ScaleStage)group.StageAt(0, 0)).Gradient);
        }

        gradients[0].Should().Be(gradients[1]);
        gradients[0].Should().Be(4 * 2 * MathF.Pow(ScaleStage.Weight, 7));
    }

    private static PipelineParameter NewWeight() =>
        new("w", new[] { ScaleStage.Weight }, new float[1]);

    private static void Update(IParameterizedStage stage)
    {
        foreach (var parameter in stage.Parameters)
        {
            var values = parameter.Value.Span;
            var gradients = parameter.Gradient.Span;
            for (var i = 0; i < values.Length; i++)
            {
                values[i] -= LearningRate * gradients[i];
            }

            gradients.Clear();
        }
    }

    /// <summary>y = w^uses x with a scalar weight; exact in Float32 for the weight used here.</summary>
    private sealed class ScaleStage(PipelineParameter weight, int uses = 1, bool split = true)
        : IParameterizedStage
    {
        public const float Weight = 2f;

        public float Gradient => weight.Gradient.Span[0];

        public bool SupportsSplitBackward => split;

        public IReadOnlyList<PipelineParameter> Parameters => [weight];

        public static StepInputs Inputs(PipelineSchedule schedule)
        {
            var ones = Enumerable.Repeat(1f, schedule.MicroBatchesPerDirection).ToArray();
            PipelineTensor Batch() =>
                PipelineTensor.Create<float>(PipelineDataType.Float32, ones, ones.Length, 1);
            return new StepInputs
            {
                Direction0 = new DirectionData { Inputs = Batch() },
                Direction1 =
                    schedule.Placement.DirectionCount == 2
                        ? new DirectionData { Inputs = Batch() }
                        : new DirectionData(),
                Loss = new SumLoss(),
            };
        }

        /// <summary>d/dw of the sum of w^n over micro-batches of ones.</summary>
        public static float ExpectedGradient(int microBatches, int stages) =>
            microBatches * stages * MathF.Pow(Weight, stages - 1);

        public StageForwardResult Forward(in StageForwardContext context)
        {
            var x = context.Inputs[0]!.AsSpan<float>()[0];
            var y = x * MathF.Pow(weight.Value.Span[0], uses);
            return new StageForwardResult(Scalar(y), new Saved(x));
        }

        public TensorList Backward(
            in StageBackwardContext context,
            StageActivation activation,
            TensorList outputGradients
        )
        {
            var (gradients, work) = BackwardInput(context, activation, outputGradients);
            BackwardWeight(context, work!);
            return gradients;
        }

        public SplitBackwardResult BackwardInput(
            in StageBackwardContext context,
            StageActivation activation,
            TensorList outputGradients
        )
        {
            var w = weight.Value.Span[0];
            var g = outputGradients[0]!.AsSpan<float>()[0];
            return new SplitBackwardResult(
                Scalar(g * MathF.Pow(w, uses)),
                new Work(g * uses * MathF.Pow(w, uses - 1) * ((Saved)activation).Input)
            );
        }

        public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work) =>
            weight.Gradient.Span[0] += ((Work)work).Amount;

        private static PipelineTensor Scalar(float value) =>
            PipelineTensor.Create<float>(PipelineDataType.Float32, [value], 1, 1);

        private sealed class Saved(float input) : StageActivation
        {
            public float Input => input;

            protected override void Dispose(bool disposing) { }
        }

        private sealed class Work(float amount) : WeightGradientWork
        {
            public float Amount => amount;

            public override bool UsesBoundaryTensors => false;

            protected override void Dispose(bool disposing) { }
        }

        private sealed class SumLoss : IPipelineLoss
        {
            public LossResult Forward(
                in LossContext context,
                TensorList outputs,
                TensorList labels
            ) => new(outputs[0]!.AsSpan<float>()[0], null);

            public TensorList Backward(
                in LossContext context,
                IDisposable? state,
                double gradient
            ) => Scalar((float)gradient);
        }
    }
}
