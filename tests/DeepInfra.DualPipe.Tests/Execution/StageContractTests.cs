// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Tests.Execution;

public sealed class StageContractTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StepAsync_OutputIsInput_Throws() =>
        (
            await FailAsync(
                new DelegateStage
                {
                    ForwardFunction = (in c) =>
                        new StageForwardResult(c.Inputs[0], new EmptyActivation()),
                }
            )
        )
            .Message.Should()
            .Contain("shares storage with input 0");

    [Fact]
    public async Task StepAsync_OutputIsSavedState_Throws() => (
            await FailAsync(
                new DelegateStage
                {
                    ForwardFunction = (in c) =>
                    {
                        var tensor = Floats(1);
                        return new StageForwardResult(tensor, new SavingActivation(tensor));
                    },
                }
            )
        ).Message.Should().Contain("shares storage with saved state");

    [Fact]
    public async Task StepAsync_NoActivation_Throws() =>
        (
            await FailAsync(
                new DelegateStage
                {
                    ForwardFunction = (in c) => new StageForwardResult(Floats(1), null),
                }
            )
        )
            .Message.Should()
            .Contain("no activation");

    [Fact]
    public async Task StepAsync_GradientOfWrongShape_Throws() =>
        (await FailAsync(Stage((in c, _, _) => Floats(1, 2))))
            .Message.Should()
            .Contain("gradient of input 0: expected");

    [Fact]
    public async Task StepAsync_TooFewGradients_Throws() =>
        (await FailAsync(Stage((in c, _, _) => default)))
            .Message.Should()
            .Contain("0 input gradients for 1 inputs");

    [Fact]
    public async Task StepAsync_GradientIsOutputGradient_Throws() =>
        (await FailAsync(Stage((in c, _, g) => g)))
            .Message.Should()
            .Contain("shares storage with an output gradient");

    [Fact]
    public async Task StepAsync_GradientForIntegerInput_Throws()
    {
        var failure = await FailAsync([
            Stage(
                (in c, _, _) => default,
                () => PipelineTensor.Create<int>(PipelineDataType.Int32, [1], 1)
            ),
            Stage((in c, _, _) => Floats(1)),
        ]);

        failure.Message.Should().Contain("a gradient for input 0, which takes none");
    }

    [Fact]
    public async Task StepAsync_BoundarySpecBroken_NamesBothForms()
    {
        var options = new PipelineOptions
        {
            Boundary = new Dictionary<int, BoundarySpec>
            {
                [1] = BoundarySpec.Single(PipelineDataType.Float32, 7),
            },
        };

        var failure = await FailAsync(
            [Stage((in c, _, _) => default), Stage((in c, _, _) => Floats(1))],
            options
        );

        failure.Message.Should().Contain("outputs of stage 0").And.Contain("Float32[7]");
        failure.Message.Should().Contain("Float32[1]");
    }

    [Fact]
    public async Task StepAsync_SeveralTensorsWithMaskAndNull_ArriveUnchanged()
    {
        var seen = new List<string>();
        var gradients = new List<string>();
        var options = new PipelineOptions
        {
            Boundary = new Dictionary<int, BoundarySpec>
            {
                [1] = new BoundarySpec([
                    new BoundaryTensor(PipelineDataType.Float32, [1]),
                    new BoundaryTensor(PipelineDataType.Int32, [2], RequiresGradient: false),
                    new BoundaryTensor(PipelineDataType.Float32, [9]),
                ]),
            },
        };
        var first = new DelegateStage
        {
            ForwardFunction = (in c) =>
                new StageForwardResult(
                    [
                        Floats(1),
                        PipelineTensor.Create<int>(PipelineDataType.Int32, [c.MicroBatch, 42], 2),
                        null,
                    ],
                    new EmptyActivation()
                ),
            BackwardFunction = (in c, _, g) =>
            {
                gradients.Add(string.Join('|', g.Select(t => t?.ToString() ?? "null")));
                return default;
            },
        };
        var second = new DelegateStage
        {
            ForwardFunction = (in c) =>
            {
                seen.Add(
                    string.Join('|', c.Inputs.Select(t => t is null ? "null" : t.ToString()))
                        + $" {c.Inputs[1]!.AsSpan<int>()[0]}"
                );
                return new StageForwardResult(Floats(1), new EmptyActivation());
            },
            BackwardFunction = (in c, _, _) => [Floats(1), null, null],
        };

        using var result = await RunAsync([first, second], options);

        seen.Should().Equal("Float32[1]|Int32[2]|null 0", "Float32[1]|Int32[2]|null 1");
        gradients.Should().OnlyContain(g => g == "Float32[1]|null|null").And.HaveCount(2);
    }

    [Fact]
    public async Task StepAsync_AllGradientsNull_SkipsEarlierBackwards()
    {
        var backwards = 0;
        var first = Stage(
            (in c, _, _) =>
            {
                backwards++;
                return default;
            }
        );
        var middle = Stage(
            (in c, _, _) =>
            {
                backwards++;
                return [Floats(1)];
            }
        );
        var last = Stage((in c, _, _) => [null]);

        using var result = await RunAsync([first, middle, last]);

        backwards.Should().Be(0);
        result.Losses.Should().HaveCount(2);
    }

    [Fact]
    public async Task StepAsync_OutputsNullInSomeMicroBatches_CannotBeJoined()
    {
        var stage = new DelegateStage
        {
            ForwardFunction = (in c) =>
                new StageForwardResult(
                    c.MicroBatch == 0 ? Floats(1) : TensorList.Of(null),
                    new EmptyActivation()
                ),
            BackwardFunction = (in c, _, _) => default,
        };

        var run = () => RunAsync([stage], inputs: Inputs() with { ReturnOutputs = true });

        await run.Should().ThrowAsync<PipelineStageException>().WithMessage("*cannot be joined*");
    }

    [Fact]
    public async Task StepAsync_OutputNullEverywhere_StaysNull()
    {
        var stage = new DelegateStage
        {
            ForwardFunction = (in c) =>
                new StageForwardResult([Floats(1), null], new EmptyActivation()),
            BackwardFunction = (in c, _, _) => default,
        };

        using var result = await RunAsync([stage], inputs: Inputs() with { ReturnOutputs = true });

        var outputs = result.OutputsOf(0)!.Value;
        outputs[0]!.ElementCount.Should().Be(2);
        outputs[1].Should().BeNull();
    }

    private static DelegateStage Stage(
        DelegateStage.BackwardDelegate backward,
        Func<PipelineTensor>? output = null
    ) =>
        new()
        {
            ForwardFunction = (in c) =>
                new StageForwardResult(output?.Invoke() ?? Floats(1), new EmptyActivation()),
            BackwardFunction = backward,
        };

    /// <summary>Runs the stage as the second of two and returns the contract violation.</summary>
    private static Task<PipelineStageException> FailAsync(IPipelineStage second) =>
        FailAsync([Stage((in c, _, _) => default), second]);

    private static async Task<PipelineStageException> FailAsync(
        IPipelineStage[] stages,
        PipelineOptions? options = null
    )
    {
        var failure = await FluentActions
            .Awaiting(() => RunAsync(stages, options))
            .Should()
            .ThrowAsync<PipelineStepException>();
        return failure.Which.InnerException.Should().BeOfType<PipelineStageException>().Which;
    }

    private static async Task<StepResult> RunAsync(
        IPipelineStage[] stages,
        PipelineOptions? options = null,
        StepInputs? inputs = null
    )
    {
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(stages.Length, 2),
            l => stages[l.Stage],
            options
        );
        return await group.StepAsync(inputs ?? Inputs(), Token);
    }

    private static StepInputs Inputs() =>
        StepInputs.Single(Floats(1, 1), default, new ConstantLoss());

    private static PipelineTensor Floats(params float[] values) =>
        PipelineTensor.Create<float>(PipelineDataType.Float32, values, values.Length);

    private sealed class EmptyActivation : StageActivation
    {
        protected override void Dispose(bool disposing) { }
    }

    private sealed class SavingActivation(PipelineTensor tensor) : StageActivation
    {
        private readonly PipelineTensor?[] _saved = [tensor];

        public override ReadOnlySpan<PipelineTensor?> SavedTensors => _saved;

        protected override void Dispose(bool disposing) => tensor.Dispose();
    }

    private sealed class ConstantLoss : IPipelineLoss
    {
        public LossResult Forward(in LossContext context, TensorList outputs, TensorList labels) =>
            new(1, null);

        public TensorList Backward(in LossContext context, IDisposable? state, double gradient) =>
            Floats(1);
    }
}
