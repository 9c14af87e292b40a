// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs;

/// <summary>Settings of a <see cref="ThreeFsClient"/>. Only the addresses and the cluster id are required.</summary>
public sealed record ThreeFsClientOptions
{
    /// <summary>Id of the cluster; a manager of another cluster refuses the client.</summary>
    public required string ClusterId { get; init; }

    /// <summary>
    /// Managers to ask first, as <c>address:port</c> or <c>TYPE://address:port</c> with an IPv4 address. One that
    /// answers is enough; the client finds the primary from there.
    /// </summary>
    public required IReadOnlyList<string> ManagerAddresses { get; init; }

    /// <summary>The user that requests name.</summary>
    public ThreeFsUser User { get; init; } = ThreeFsUser.Root;

    /// <summary>Description of this client in the manager's list of sessions.</summary>
    public string Description { get; init; } = "DeepInfra.Fs";

    /// <summary>TCP connections to each server, 1 to 8. More help when one connection's core is saturated.</summary>
    public int ConnectionsPerServer { get; init; } = 1;

    /// <summary>Time limit for connecting.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time limit of one request to a manager.</summary>
    public TimeSpan ManagerTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Interval of the session's renewal and of the look for new routing information.</summary>
    public TimeSpan ManagerInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time limit of one request to a metadata server.</summary>
    public TimeSpan MetadataTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Wait before a failed metadata operation is tried again; doubles up to ten times this value.</summary>
    public TimeSpan MetadataRetryDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Time limit of the first request to a storage server; doubles from round to round.</summary>
    public TimeSpan StorageTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Upper bound of <see cref="StorageTimeout"/>'s doubling.</summary>
    public TimeSpan MaximumStorageTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time in which an operation with all its retries must succeed.</summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Replica that reads go to.</summary>
    public TargetSelection ReadFrom { get; init; } = TargetSelection.LoadBalance;

    /// <summary>When not empty, only nodes whose tag <c>TrafficZone</c> is in the list are used.</summary>
    public IReadOnlyList<string> TrafficZones { get; init; } = [];

    /// <summary>Whether the checksum of read data is requested and verified.</summary>
    public bool VerifyReads { get; init; } = true;

    /// <summary>Whether written data carries a checksum that every replica verifies.</summary>
    public bool ChecksumWrites { get; init; } = true;

    /// <summary>Whether ranges that were never written read as zeros; otherwise they are an error.</summary>
    public bool AllowHoles { get; init; } = true;

    /// <summary>Whether reads may see data whose write has not reached every replica.</summary>
    public bool AllowReadUncommitted { get; init; }

    /// <summary>Longest range in one entry of a request, in bytes.</summary>
    public int MaximumIoBytes { get; init; } = 1 << 20;

    /// <summary>Most data in one request, in bytes.</summary>
    public int MaximumBatchBytes { get; init; } = 4 << 20;

    /// <summary>Most ranges in one request.</summary>
    public int MaximumBatchIos { get; init; } = 128;

    /// <summary>Requests that may be in flight to all storage servers together.</summary>
    public int MaximumRequests { get; init; } = 32;

    /// <summary>Requests that may be in flight to one storage server.</summary>
    public int MaximumRequestsPerServer { get; init; } = 8;

    /// <summary>Interval in which files open for writing report their length to the metadata service.</summary>
    public TimeSpan LengthSyncInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Whether the cluster orders chains by the division method of libstdc++ before release 11. New clusters choose
    /// layouts for which both methods agree.
    /// </summary>
    public bool LegacyShuffle { get; init; }

    /// <summary>A zstd implementation; with one, servers may compress large answers. Null asks for plain answers.</summary>
    public IFrameCompressor? Compressor { get; init; }

    /// <summary>
    /// Receives what an operator needs to know (category <c>DeepInfra.Fs</c>, event ids from 6001): lost connections,
    /// retries, changes of the routing, targets that do not serve, damaged data. Null logs nothing.
    /// </summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Source of time for time limits and intervals.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(ClusterId);
        if (ManagerAddresses.Count == 0)
        {
            throw new ArgumentException(
                "ManagerAddresses: expected at least one address, got none"
            );
        }

        foreach (var address in ManagerAddresses)
        {
            if (!NodeAddress.TryParse(address, out _))
            {
                throw new ArgumentException(
                    $"ManagerAddresses: expected a.b.c.d:port or TYPE://a.b.c.d:port, got '{address}'"
                );
            }
        }

        CheckRange(ConnectionsPerServer, 1, 8, nameof(ConnectionsPerServer));
        CheckTime(ConnectTimeout, nameof(ConnectTimeout));
        CheckTime(ManagerTimeout, nameof(ManagerTimeout));
        CheckTime(ManagerInterval, nameof(ManagerInterval));
        CheckTime(MetadataTimeout, nameof(MetadataTimeout));
        CheckTime(MetadataRetryDelay, nameof(MetadataRetryDelay));
        CheckTime(StorageTimeout, nameof(StorageTimeout));
        CheckTime(MaximumStorageTimeout, nameof(MaximumStorageTimeout));
        CheckTime(OperationTimeout, nameof(OperationTimeout));
        CheckTime(LengthSyncInterval, nameof(LengthSyncInterval));
        CheckRange(MaximumIoBytes, 1, 64 << 20, nameof(MaximumIoBytes));
        CheckRange(MaximumBatchBytes, MaximumIoBytes, 63 << 20, nameof(MaximumBatchBytes));
        CheckRange(MaximumBatchIos, 1, 4096, nameof(MaximumBatchIos));
        CheckRange(MaximumRequests, 1, 4096, nameof(MaximumRequests));
        CheckRange(MaximumRequestsPerServer, 1, 4096, nameof(MaximumRequestsPerServer));
    }

    private static void CheckTime(TimeSpan value, string name)
    {
        // Timers of the base library take at most 2^32 − 2 milliseconds.
        var longest = TimeSpan.FromMilliseconds(uint.MaxValue - 1);
        if (value <= TimeSpan.Zero || value > longest)
        {
            throw new ArgumentOutOfRangeException(
                name,
                value,
                $"{name}: expected a positive time up to {longest}, got {value}"
            );
        }
    }

    private static void CheckRange(int value, int minimum, int maximum, string name)
    {
        if (value < minimum || value > maximum)
        {
            throw new ArgumentOutOfRangeException(
                name,
                value,
                $"{name}: expected {minimum} to {maximum}, got {value}"
            );
        }
    }
}
