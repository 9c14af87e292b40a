// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;

namespace DeepInfra.Ep.Diagnostics;

/// <summary>
/// The instruments of the meter <c>DeepInfra.Ep</c>: calls and received payload bytes (scale factors included)
/// of dispatch and combine, tagged with <c>mode</c>: <c>throughput</c> or <c>low-latency</c>. Counted once per
/// rank and completed operation.
/// </summary>
internal static class EpMetrics
{
    public const string MeterName = "DeepInfra.Ep";

    private static readonly Meter s_meter = new(MeterName);

    private static readonly Counter<long> s_dispatchCalls = s_meter.CreateCounter<long>(
        "deepinfra.ep.dispatch.calls",
        "{call}",
        "Completed dispatches."
    );

    private static readonly Counter<long> s_dispatchBytes = s_meter.CreateCounter<long>(
        "deepinfra.ep.dispatch.bytes",
        "By",
        "Payload and scale-factor bytes received by dispatches."
    );

    private static readonly Counter<long> s_combineCalls = s_meter.CreateCounter<long>(
        "deepinfra.ep.combine.calls",
        "{call}",
        "Completed combines."
    );

    private static readonly Counter<long> s_combineBytes = s_meter.CreateCounter<long>(
        "deepinfra.ep.combine.bytes",
        "By",
        "Payload bytes of the rows that combines summed."
    );

    private static readonly KeyValuePair<string, object?> s_throughput = new("mode", "throughput");
    private static readonly KeyValuePair<string, object?> s_lowLatency = new("mode", "low-latency");

    public static void Dispatched(bool lowLatency, long bytes)
    {
        var mode = lowLatency ? s_lowLatency : s_throughput;
        s_dispatchCalls.Add(1, mode);
        s_dispatchBytes.Add(bytes, mode);
    }

    public static void Combined(bool lowLatency, long bytes)
    {
        var mode = lowLatency ? s_lowLatency : s_throughput;
        s_combineCalls.Add(1, mode);
        s_combineBytes.Add(bytes, mode);
    }
}
