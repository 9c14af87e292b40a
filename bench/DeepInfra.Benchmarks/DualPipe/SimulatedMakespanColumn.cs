// SPDX-License-Identifier: MIT
using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.Benchmarks.DualPipe;

/// <summary>The simulator's makespan for a case of <see cref="BubbleBenchmarks"/>.</summary>
internal sealed class SimulatedMakespanColumn : IColumn
{
    public string Id => nameof(SimulatedMakespanColumn);

    public string ColumnName => "Simulated";

    public string Legend => "Makespan of the simulator with the nominal costs";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Time;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        var parameters = benchmarkCase.Parameters;
        var schedule = BubbleBenchmarks.Create(
            (string)parameters[nameof(BubbleBenchmarks.Schedule)],
            (int)parameters[nameof(BubbleBenchmarks.Ranks)],
            (int)parameters[nameof(BubbleBenchmarks.MicroBatchesPerRank)]
        );
        var result = ScheduleSimulator.Simulate(
            schedule,
            BubbleBenchmarks.Costs(schedule).ToCostModel()
        );
        return string.Create(CultureInfo.InvariantCulture, $"{result.Makespan:0.00} ms");
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
        GetValue(summary, benchmarkCase);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public bool IsAvailable(Summary summary) => true;
}
