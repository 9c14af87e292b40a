// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Meter and activity source of the package, both named "DeepInfra.DualPipe".</summary>
internal static class PipelineMetrics
{
    public const string Name = "DeepInfra.DualPipe";
    public static readonly ActivitySource Activities = new(Name);
    private static readonly Meter s_meter = new(Name);

    public static readonly Histogram<double> ActionDuration = s_meter.CreateHistogram<double>(
        "deepinfra.dualpipe.action_duration",
        "s",
        "Time in one compute action, by kind."
    );

    public static readonly Histogram<double> WaitTime = s_meter.CreateHistogram<double>(
        "deepinfra.dualpipe.wait_time",
        "s",
        "Time that a rank waited for messages, per wait."
    );

    public static readonly Histogram<double> BubbleRatio = s_meter.CreateHistogram<double>(
        "deepinfra.dualpipe.bubble_ratio",
        "1",
        "Share of a step in which a rank did not compute."
    );

    public static readonly Counter<long> BytesSent = s_meter.CreateCounter<long>(
        "deepinfra.dualpipe.bytes_sent",
        "By",
        "Boundary tensor bytes sent."
    );

    public static readonly Counter<long> BytesReceived = s_meter.CreateCounter<long>(
        "deepinfra.dualpipe.bytes_received",
        "By",
        "Boundary tensor bytes received."
    );

    public static readonly Counter<long> Steps = s_meter.CreateCounter<long>(
        "deepinfra.dualpipe.steps",
        "{step}",
        "Steps that ran to their end, by schedule."
    );

    public static readonly Counter<long> OverlappedPairs = s_meter.CreateCounter<long>(
        "deepinfra.dualpipe.overlapped_pairs",
        "{pair}",
        "Forward-backward pairs that a stage ran overlapped."
    );

    public static readonly Counter<long> SplitUnsupported = s_meter.CreateCounter<long>(
        "deepinfra.dualpipe.split_unsupported",
        "{action}",
        "Backwards for the inputs that ran as full backwards because the stage cannot split."
    );

    public static readonly UpDownCounter<int> PendingWeights = s_meter.CreateUpDownCounter<int>(
        "deepinfra.dualpipe.pending_weights",
        "{work}",
        "Deferred weight-gradient work items."
    );

    public static readonly UpDownCounter<int> LiveActivations = s_meter.CreateUpDownCounter<int>(
        "deepinfra.dualpipe.live_activations",
        "{activation}",
        "Forwards whose backward is not finished."
    );
}
