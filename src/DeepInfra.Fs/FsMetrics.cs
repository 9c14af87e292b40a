// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;

namespace DeepInfra.Fs;

/// <summary>Measurements of the package: meter <c>DeepInfra.Fs</c>.</summary>
internal static class FsMetrics
{
    public const string MeterName = "DeepInfra.Fs";

    private static readonly Meter s_meter = new(MeterName);

    public static readonly Counter<long> BytesRead = s_meter.CreateCounter<long>(
        "deepinfra.fs.bytes_read",
        "By",
        "File bytes read, by backend"
    );

    public static readonly Counter<long> BytesWritten = s_meter.CreateCounter<long>(
        "deepinfra.fs.bytes_written",
        "By",
        "File bytes written, by backend"
    );

    public static readonly Counter<long> Reads = s_meter.CreateCounter<long>(
        "deepinfra.fs.reads",
        "{call}",
        "Ranges read, by backend"
    );

    public static readonly Counter<long> RandomReads = s_meter.CreateCounter<long>(
        "deepinfra.fs.random_reads",
        "{call}",
        "Ranges read that did not start where the last one ended, by backend"
    );

    public static readonly Counter<long> Writes = s_meter.CreateCounter<long>(
        "deepinfra.fs.writes",
        "{call}",
        "Ranges written, by backend"
    );

    public static readonly Counter<long> Requests = s_meter.CreateCounter<long>(
        "deepinfra.fs.requests",
        "{call}",
        "Requests sent to servers, by service and method"
    );

    public static readonly Histogram<double> RequestDuration = s_meter.CreateHistogram<double>(
        "deepinfra.fs.request.duration",
        "s",
        "Time from sending a request to its answer, by service and method"
    );

    public static readonly Counter<long> Retries = s_meter.CreateCounter<long>(
        "deepinfra.fs.retries",
        "{call}",
        "Operations tried again, by status code"
    );

    public static readonly Counter<long> KvBytesPut = s_meter.CreateCounter<long>(
        "deepinfra.fs.kv.bytes_put",
        "By",
        "Bytes of values stored in KV-cache stores"
    );

    public static readonly Counter<long> KvBytesFetched = s_meter.CreateCounter<long>(
        "deepinfra.fs.kv.bytes_fetched",
        "By",
        "Bytes of values fetched from KV-cache stores"
    );

    public static readonly Counter<long> KvBytesEvicted = s_meter.CreateCounter<long>(
        "deepinfra.fs.kv.bytes_evicted",
        "By",
        "Bytes of values evicted from KV-cache stores"
    );

    public static readonly Counter<long> KvHits = s_meter.CreateCounter<long>(
        "deepinfra.fs.kv.hits",
        "{call}",
        "Look-ups that found their key"
    );

    public static readonly Counter<long> KvMisses = s_meter.CreateCounter<long>(
        "deepinfra.fs.kv.misses",
        "{call}",
        "Look-ups that did not find their key"
    );
}
