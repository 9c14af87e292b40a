// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tests.Fixtures;
using DeepInfra.DualPipe.Transports;
using Microsoft.Extensions.Logging;

namespace DeepInfra.DualPipe.Tests.Execution;

[Collection(SerialCollection.Name)]
public sealed class TelemetryTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StepAsync_Listener_SeesEveryInstrument()
    {
        var sums = new ConcurrentDictionary<string, double>();
        var counts = new ConcurrentDictionary<string, int>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == "DeepInfra.DualPipe")
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((i, v, _, _) => Add(i, v));
        listener.SetMeasurementEventCallback<long>((i, v, _, _) => Add(i, v));
        listener.SetMeasurementEventCallback<int>((i, v, _, _) => Add(i, v));
        listener.Start();
        var schedule = PipelineSchedules.DualPipe(4, 8);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new SyntheticStage(SyntheticCosts.Zero, l.StageCount)
        );

        (await group.StepAsync(EngineTests.SyntheticInputs(4), Token)).Dispose();

        var compute = Enumerable.Range(0, 4).Sum(r => schedule[r].Count(a => a.IsCompute));
        var sends = Enumerable.Range(0, 4).Sum(r => schedule[r].Count(a => a.IsSend));
        var pairs = Enumerable
            .Range(0, 4)
            .Sum(r => schedule[r].Count(a => a.Kind == PipelineActionKind.ForwardBackward));
        counts["deepinfra.dualpipe.action_duration"].Should().Be(compute);
        counts["deepinfra.dualpipe.bubble_ratio"].Should().Be(4);
        sums["deepinfra.dualpipe.bytes_sent"].Should().Be(16 * sends);
        sums["deepinfra.dualpipe.bytes_received"].Should().Be(16 * sends);
        sums["deepinfra.dualpipe.overlapped_pairs"].Should().Be(pairs);
        sums["deepinfra.dualpipe.steps"].Should().Be(1);
        sums["deepinfra.dualpipe.live_activations"].Should().Be(0);
        sums["deepinfra.dualpipe.pending_weights"].Should().Be(0);

        void Add(Instrument instrument, double value)
        {
            sums.AddOrUpdate(instrument.Name, value, (_, old) => old + value);
            counts.AddOrUpdate(instrument.Name, 1, (_, old) => old + 1);
        }
    }

    [Fact]
    public async Task StepAsync_ActivityListener_SeesTheStep()
    {
        var steps = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name == "DeepInfra.DualPipe",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
                ActivitySamplingResult.AllData,
            ActivityStopped = steps.Add,
        };
        ActivitySource.AddActivityListener(listener);
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(1, 1),
            l => new SyntheticStage(SyntheticCosts.Zero, l.StageCount)
        );

        (await group.StepAsync(EngineTests.SyntheticInputs(1), Token)).Dispose();

        steps.Should().Contain(a => (string?)a.GetTagItem("schedule") == "GPipe");
    }

    [Fact]
    public async Task StepAsync_DataNobodyUses_IsLogged()
    {
        var schedule = PipelineSchedules.GPipe(2, 2);
        var model = new TinyModel(2, width: 4);
        var transports = InProcessTransport.CreateGroup(2);
        var log = new ListLogger();
        await using var first = PipelineEngine.Create(
            schedule,
            0,
            [model.CreateStage(0)],
            transports[0],
            new PipelineOptions { Logger = log }
        );
        await using var second = PipelineEngine.Create(
            schedule,
            1,
            [model.CreateStage(1)],
            transports[1],
            new PipelineOptions { Logger = log }
        );
        var inputs = model.Inputs(schedule);

        await Task.WhenAll(first.StepAsync(inputs, Token), second.StepAsync(inputs, Token));

        log.Messages.Should()
            .BeEquivalentTo([
                "The labels of direction 0 are ignored: no rank of this process uses them",
                "The inputs of direction 0 are ignored: no rank of this process uses them",
            ]);
    }

    [Fact]
    public async Task StepAsync_SplitUnsupported_IsLoggedOncePerRank()
    {
        var schedule = PipelineSchedules.ZeroBubbleH1(2, 4);
        var model = new TinyModel(2, width: 4);
        var log = new ListLogger();
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new ProbeStage(model.CreateStage(l.Stage), split: false),
            new PipelineOptions { Logger = log }
        );

        (await group.StepAsync(model.Inputs(schedule), Token)).Dispose();

        log.Messages.Should().HaveCount(2).And.OnlyContain(m => m.Contains("cannot split"));
    }

    private sealed class ListLogger : ILogger
    {
        public ConcurrentBag<string> Messages { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Messages.Add(formatter(state, exception));
    }
}
