// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;

namespace DeepInfra.Fs.Cluster;

/// <summary>Instruments of the meter <c>DeepInfra.Fs.Cluster</c>.</summary>
internal static class ClusterMetrics
{
    private static readonly Meter s_meter = new("DeepInfra.Fs.Cluster");

    /// <summary>Ranges read from chunks.</summary>
    public static Counter<long> Reads { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.reads",
            "{range}",
            "Ranges read from chunks."
        );

    /// <summary>Batches of reads that had to wait for the disk.</summary>
    public static Counter<long> DiskWaits { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.disk_waits",
            "{batch}",
            "Batches of reads that were not in the page cache."
        );

    /// <summary>Bytes read from chunks.</summary>
    public static Counter<long> BytesRead { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.bytes_read",
            "By",
            "Bytes read from chunks."
        );

    /// <summary>Updates of chunks that were committed.</summary>
    public static Counter<long> Updates { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.updates",
            "{update}",
            "Updates committed."
        );

    /// <summary>Bytes written to chunks.</summary>
    public static Counter<long> BytesWritten { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.bytes_written",
            "By",
            "Bytes of committed writes."
        );

    /// <summary>Reads that found damaged bytes.</summary>
    public static Counter<long> ChecksumFailures { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.checksum_failures",
            "{read}",
            "Reads that found bytes which do not match their checksum."
        );

    /// <summary>Metadata transactions committed.</summary>
    public static Counter<long> Commits { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.commits",
            "{transaction}",
            "Transactions committed."
        );

    /// <summary>Metadata transactions repeated because of a conflict.</summary>
    public static Counter<long> Conflicts { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.conflicts",
            "{transaction}",
            "Transactions repeated because others had changed what they read."
        );

    /// <summary>Removed files and directories that the collector has finished.</summary>
    public static Counter<long> Collected { get; } =
        s_meter.CreateCounter<long>(
            "deepinfra.fs.cluster.collected",
            "{inode}",
            "Removed files and directories taken apart."
        );
}
