// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DeepInfra.Pond.Execution;

/// <summary>Instruments of the meter <c>DeepInfra.Pond</c>, shared by all sessions of the process.</summary>
internal static class PondMetrics
{
    public const string Name = "DeepInfra.Pond";

    public static readonly ActivitySource Activities = new(Name);
    private static readonly Meter s_meter = new(Name);

    public static readonly Counter<long> Tasks = s_meter.CreateCounter<long>(
        "deepinfra.pond.tasks",
        "{task}",
        "Tasks that have finished, by node kind and outcome (done, reused, failed)."
    );

    public static readonly Counter<long> Retries = s_meter.CreateCounter<long>(
        "deepinfra.pond.retries",
        "{attempt}",
        "Attempts that failed and are repeated."
    );

    public static readonly Counter<long> Rows = s_meter.CreateCounter<long>(
        "deepinfra.pond.rows",
        "{row}",
        "Rows written by committed tasks, by node kind."
    );

    public static readonly Counter<long> Bytes = s_meter.CreateCounter<long>(
        "deepinfra.pond.bytes",
        "By",
        "Bytes written by committed tasks, by node kind."
    );

    public static readonly Histogram<double> Duration = s_meter.CreateHistogram<double>(
        "deepinfra.pond.task.duration",
        "s",
        "Wall time of attempts, by node kind."
    );

    public static readonly Counter<long> StagedBytes = s_meter.CreateCounter<long>(
        "deepinfra.pond.staged",
        "By",
        "Bytes copied between other file systems and the local disk, by direction."
    );

    public static KeyValuePair<string, object?> Kind(PondTask task) => new("kind", task.Node.Kind);
}
