// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// A measured step beside its simulation with the measured mean durations: what is left between the two is
/// communication, waiting for the processor, and noise. Immutable, thread-safe.
/// </summary>
public sealed class BubbleReport
{
    private BubbleReport(
        PipelineTrace trace,
        SimulationResult simulation,
        ImmutableArray<KindMean> means
    )
    {
        Trace = trace;
        Simulation = simulation;
        MeanDurations = means;
        Measured = trace.ToTimeline();
        var busy = new double[trace.Schedule.RankCount];
        foreach (var entry in Measured.Entries)
        {
            if (entry.Action.IsCompute)
            {
                busy[entry.Rank] += entry.Duration;
            }
        }

        MeasuredBubbles = [.. busy.Select(b => Measured.Makespan - b)];
    }

    /// <summary>The measurement.</summary>
    public PipelineTrace Trace { get; }

    /// <summary>The simulation, in milliseconds.</summary>
    public SimulationResult Simulation { get; }

    /// <summary>The measured time line, in milliseconds.</summary>
    public PipelineTimeline Measured { get; }

    /// <summary>The simulated time line, in milliseconds.</summary>
    public PipelineTimeline Simulated =>
        new(
            Simulation.Timeline.Title,
            "ms",
            Simulation.Timeline.RankCount,
            Simulation.Timeline.Entries
        );

    /// <summary>Mean duration per kind over all stages.</summary>
    public ImmutableArray<KindMean> MeanDurations { get; }

    /// <summary>Makespan - busy per rank, measured, in milliseconds.</summary>
    public ImmutableArray<double> MeasuredBubbles { get; }

    /// <summary>Measured makespan / simulated makespan - 1.</summary>
    public double RelativeExcess =>
        Simulation.Makespan > 0 ? (Measured.Makespan / Simulation.Makespan) - 1 : 0;

    /// <summary>Simulates the schedule of a trace with the trace's mean durations.</summary>
    /// <param name="trace">A trace of all ranks.</param>
    /// <param name="perStage">
    /// Takes the means per kind and stage, which suits stages of unequal size; false = per kind.
    /// </param>
    /// <param name="costs">Latency, bandwidth and transport of the simulation; durations are replaced.</param>
    /// <returns>The report.</returns>
    /// <exception cref="ArgumentException">The trace lacks a rank.</exception>
    public static BubbleReport Create(
        PipelineTrace trace,
        bool perStage = true,
        CostModel? costs = null
    )
    {
        ArgumentNullException.ThrowIfNull(trace);
        var compute = trace.Records.Where(r => r.Action.IsCompute).ToList();
        var ranks = compute.Select(r => r.Rank).Distinct().Count();
        if (ranks != trace.Schedule.RankCount)
        {
            throw new ArgumentException(
                $"trace: expected all {trace.Schedule.RankCount} ranks, got {ranks}",
                nameof(trace)
            );
        }

        var means = compute
            .GroupBy(r => Key(r.Action, perStage))
            .ToDictionary(g => g.Key, g => g.Average(r => r.Duration.TotalMilliseconds));
        var simulation = ScheduleSimulator.Simulate(
            trace.Schedule,
            (costs ?? new CostModel()) with
            {
                Duration = action => means[Key(action, perStage)],
            }
        );
        var kinds = compute
            .GroupBy(r => r.Action.Kind)
            .OrderBy(g => g.Key)
            .Select(g => new KindMean(
                g.Key,
                TimeSpan.FromMilliseconds(g.Average(r => r.Duration.TotalMilliseconds)),
                g.Count()
            ));
        return new BubbleReport(trace, simulation, [.. kinds]);
    }

    /// <summary>
    /// By how much DualPipe's bubble is smaller than 1F1B's at equal stage count, from the published
    /// formulas (P/2-1)(F&amp;B + B - 3W) and (P-1)(F + B). DualPipe holds the parameters twice.
    /// </summary>
    /// <param name="stageCount">Number of stages PP; even, >= 2.</param>
    /// <param name="costs">F, B, W and F&amp;B.</param>
    /// <returns>1 - DualPipe / 1F1B.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The stage count is odd or below 2.</exception>
    public static double ReductionVersus1F1B(int stageCount, CostModel costs)
    {
        ArgumentNullException.ThrowIfNull(costs);
        if (stageCount < 2 || stageCount % 2 != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(stageCount),
                stageCount,
                "expected an even number of stages >= 2"
            );
        }

        var overlap = costs.ForwardBackward ?? (costs.Forward + costs.Backward);
        var dualPipe = ((stageCount / 2) - 1) * (overlap + costs.Backward - (3 * costs.Weight));
        var oneForwardOneBackward = (stageCount - 1) * (costs.Forward + costs.Backward);
        return 1 - (dualPipe / oneForwardOneBackward);
    }

    /// <summary>A table of <see cref="ReductionVersus1F1B(int, CostModel)"/> over stage counts.</summary>
    /// <param name="costs">The costs, printed with the table.</param>
    /// <returns>Text, rows ended by line feeds.</returns>
    public static string ReductionTable(CostModel costs)
    {
        ArgumentNullException.ThrowIfNull(costs);
        var overlap = costs.ForwardBackward ?? (costs.Forward + costs.Backward);
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"bubble of DualPipe against 1F1B at equal stage count, F={costs.Forward:0.##} B={costs.Backward:0.##} W={costs.Weight:0.##} F&B={overlap:0.##}; DualPipe holds parameters twice\n"
        );
        foreach (var stages in new[] { 4, 6, 8, 16, 32, 64 })
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"PP={stages, -3} {ReductionVersus1F1B(stages, costs) * 100:0.0} % less\n"
            );
        }

        return text.ToString();
    }

    /// <summary>Makespans, bubbles and mean durations as text.</summary>
    /// <returns>The text, rows ended by line feeds.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{Trace.Schedule}\nmakespan measured {Measured.Makespan:0.000} ms, simulated {Simulation.Makespan:0.000} ms ({RelativeExcess * 100:+0.0;-0.0;0.0} %)\n"
        );
        foreach (var mean in MeanDurations)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{PipelineAction.Symbol(mean.Kind)}: mean {mean.Mean.TotalMilliseconds:0.000} ms over {mean.Count}\n"
            );
        }

        for (var rank = 0; rank < MeasuredBubbles.Length; rank++)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"rank {rank}: bubble measured {MeasuredBubbles[rank]:0.000} ms, simulated {Simulation.Ranks[rank].GlobalBubble:0.000} ms\n"
            );
        }

        return text.ToString();
    }

    private static (PipelineActionKind, int, int) Key(in PipelineAction action, bool perStage) =>
        perStage ? (action.Kind, action.Stage, action.Stage2) : (action.Kind, -1, -1);
}
