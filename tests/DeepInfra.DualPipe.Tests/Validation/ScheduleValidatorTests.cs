// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;
using DeepInfra.DualPipe.Tests.Fixtures;
using DeepInfra.DualPipe.Validation;

namespace DeepInfra.DualPipe.Tests.Validation;

public sealed class ScheduleValidatorTests
{
    [Fact]
    public void Validate_EveryGenerator_HasNoFindings()
    {
        foreach (var schedule in AllSchedules.Enumerate())
        {
            ScheduleValidator.Validate(schedule).ToString().Should().Be("valid", $"{schedule}");
            ScheduleValidator
                .Validate(schedule.WithoutCommunication())
                .ToString()
                .Should()
                .Be("valid", $"{schedule} without communication");
        }
    }

    [Fact]
    public void Validate_DroppedWeight_FindsV9()
    {
        var broken = Base()
            .With(1, list => list.RemoveAt(First(list, PipelineActionKind.BackwardWeight)));

        Codes(broken).Should().Contain("V9");
    }

    [Fact]
    public void Validate_DuplicatedForward_FindsV1()
    {
        var broken = Base().With(0, list => list.Insert(1, list[0]));

        Codes(broken).Should().Contain("V1");
    }

    [Fact]
    public void Validate_DroppedBackward_FindsV1()
    {
        var broken = Base()
            .With(2, list => list.RemoveAt(First(list, PipelineActionKind.Backward)));

        Codes(broken).Should().Contain("V1");
    }

    [Fact]
    public void Validate_BackwardInForwardOnly_FindsV1()
    {
        var broken = PipelineSchedules
            .DualPipe(4, 8, forwardOnly: true)
            .With(
                0,
                list => list.Add(PipelineAction.Compute(PipelineActionKind.Backward, 0, 0, 0))
            );

        Codes(broken).Should().Contain("V1");
    }

    [Fact]
    public void Validate_ForeignStage_FindsV2()
    {
        var broken = Base().With(0, list => list[0] = list[0] with { Stage = 2 });

        Codes(broken).Should().Contain("V2");
    }

    [Fact]
    public void Validate_SwappedSends_FindsV4()
    {
        var broken = Base()
            .With(
                0,
                list =>
                {
                    var first = list.FindIndex(a => a.Kind == PipelineActionKind.SendForward);
                    var second = list.FindIndex(
                        first + 1,
                        a => a.Kind == PipelineActionKind.SendForward
                    );
                    (list[first], list[second]) = (list[second], list[first]);
                }
            );

        Codes(broken).Should().Contain("V4");
    }

    [Fact]
    public void Validate_WrongPeer_FindsV4()
    {
        var broken = Base()
            .With(
                1,
                list =>
                {
                    var at = First(list, PipelineActionKind.SendForward);
                    list[at] = list[at] with { Peer = 3 };
                }
            );

        Codes(broken).Should().Contain("V4");
    }

    [Fact]
    public void Validate_ReceiveAfterItsBackward_FindsV3()
    {
        var broken = Base()
            .With(
                1,
                list =>
                {
                    var at = First(list, PipelineActionKind.ReceiveBackward);
                    var receive = list[at];
                    list.RemoveAt(at);
                    var backward = list.FindIndex(a =>
                        a.Kind == PipelineActionKind.Backward && a.MicroBatch == receive.MicroBatch
                    );
                    list.Insert(backward + 1, receive);
                }
            );

        Codes(broken).Should().Contain("V3");
    }

    [Fact]
    public void Validate_MissingCommit_FindsV3()
    {
        var broken = Base().With(1, list => list.RemoveAt(First(list, PipelineActionKind.Commit)));

        Codes(broken).Should().Contain("V3");
    }

    [Fact]
    public void Validate_WeightBeforeInput_FindsV3()
    {
        var broken = Base()
            .With(
                0,
                list =>
                {
                    var input = First(list, PipelineActionKind.BackwardInput);
                    var weight = First(list, PipelineActionKind.BackwardWeight);
                    (list[input], list[weight]) = (list[weight], list[input]);
                }
            );

        Codes(broken).Should().Contain("V3");
    }

    [Fact]
    public void Validate_DroppedReceive_FindsV4AndV5()
    {
        var broken = Base()
            .With(2, list => list.RemoveAt(First(list, PipelineActionKind.ReceiveForward)));

        Codes(broken).Should().Contain("V4").And.Contain("V5");
    }

    [Fact]
    public void Validate_MissingFinalCommit_FindsV6()
    {
        var broken = PipelineSchedules
            .GPipe(2, 2)
            .With(
                1,
                list =>
                {
                    list[^1].Kind.Should().Be(PipelineActionKind.Commit);
                    list.RemoveAt(list.Count - 1);
                }
            );

        Codes(broken).Should().Contain("V6");
    }

    [Fact]
    public void Validate_CrossedCommits_FindsV5WithCycle()
    {
        // Each rank waits for the other's activations before it sends its own.
        var broken = PipelineSchedules
            .DualPipe(2, 4)
            .With(
                0,
                list =>
                {
                    var send = First(list, PipelineActionKind.SendForward);
                    var action = list[send];
                    list.RemoveAt(send);
                    var at = list.FindIndex(a => a.Kind == PipelineActionKind.ReceiveBackward);
                    list.Insert(at + 2, action);
                    list.Insert(at + 3, PipelineAction.Commit());
                }
            );

        var report = ScheduleValidator.Validate(broken);

        report
            .Findings.Should()
            .Contain(f => f.Code == "V5" && f.Message.Contains("waits for rank"));
    }

    [Fact]
    public void Validate_ActivationsAboveBound_FindsV7()
    {
        var report = ScheduleValidator.Validate(
            PipelineSchedules.GPipe(2, 4),
            new ValidationOptions { ActivationBound = _ => 3 }
        );

        report.Findings.Should().HaveCount(2).And.OnlyContain(f => f.Code == "V7");
    }

    [Fact]
    public void Validate_DescendingWeights_FindsV8AndV9()
    {
        var broken = Base()
            .With(
                0,
                list =>
                {
                    var last = list.FindLastIndex(a => a.Kind == PipelineActionKind.BackwardWeight);
                    var previous = list.FindLastIndex(
                        last - 1,
                        a => a.Kind == PipelineActionKind.BackwardWeight
                    );
                    var moved = list[previous];
                    list.RemoveAt(previous);
                    list.Insert(last, moved);
                }
            );

        Codes(broken).Should().Contain("V8").And.Contain("V9");
    }

    [Fact]
    public void Validate_ComputeOnlyWithImpossibleOrder_FindsV3()
    {
        var broken = PipelineSchedules
            .GPipe(2, 2)
            .WithoutCommunication()
            .With(0, list => (list[0], list[2]) = (list[2], list[0]));

        Codes(broken).Should().Contain("V3");
    }

    [Fact]
    public void ThrowIfInvalid_Findings_AreInTheMessage()
    {
        var broken = Base().With(0, list => list.RemoveAt(0));

        FluentActions
            .Invoking(() => ScheduleValidator.Validate(broken).ThrowIfInvalid())
            .Should()
            .Throw<PipelineScheduleException>()
            .WithMessage("*V1, rank 0*");
    }

    [Fact]
    public void Validate_RandomSwaps_DeadlockVerdictMatchesNaiveExecution()
    {
        var random = new Random(20241124);
        PipelineSchedule[] bases =
        [
            PipelineSchedules.DualPipe(4, 8),
            PipelineSchedules.DualPipeV(3, 6),
            PipelineSchedules.OneForwardOneBackward(4, 6),
            PipelineSchedules.ZeroBubbleV(3, 6),
        ];
        var deadlocks = 0;
        for (var i = 0; i < 1000; i++)
        {
            var source = bases[i % bases.Length];
            var mutated = source.With(
                random.Next(source.RankCount),
                list =>
                {
                    var a = random.Next(list.Count);
                    var b = random.Next(list.Count);
                    (list[a], list[b]) = (list[b], list[a]);
                }
            );

            var found = ScheduleValidator
                .Validate(mutated)
                .Findings.Any(f => f.Rule == ValidationRule.Deadlock);

            var eager = NaiveExecution.Finishes(mutated, eager: true);
            var rendezvous = NaiveExecution.Finishes(mutated, eager: false);
            found.Should().Be(!(eager && rendezvous), $"swap {i}");
            Simulates(mutated, TransportModel.Eager).Should().Be(eager, $"swap {i}");
            Simulates(mutated, TransportModel.BatchedRendezvous)
                .Should()
                .Be(rendezvous, $"swap {i}");
            deadlocks += found ? 1 : 0;
        }

        deadlocks.Should().BeInRange(50, 950);
    }

    private static bool Simulates(PipelineSchedule schedule, TransportModel model)
    {
        try
        {
            ScheduleSimulator.Simulate(schedule, new CostModel { Transport = model });
            return true;
        }
        catch (PipelineDeadlockException e)
        {
            e.Waits.Should().NotBeEmpty();
            return false;
        }
    }

    private static PipelineSchedule Base() => PipelineSchedules.DualPipe(4, 12);

    private static int First(List<PipelineAction> list, PipelineActionKind kind) =>
        list.FindIndex(a => a.Kind == kind);

    private static IEnumerable<string> Codes(PipelineSchedule schedule) =>
        ScheduleValidator.Validate(schedule).Findings.Select(f => f.Code).Distinct();
}
