// SPDX-License-Identifier: MIT
using System.Net;
using System.Numerics;
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Cluster.Faults;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Cluster;

/// <summary>Settings of an embedded 3FS cluster.</summary>
public sealed record ThreeFsClusterOptions
{
    /// <summary>Directory that holds everything. Created when missing; locked while the cluster runs.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Name that clients must give. Fixed once the cluster exists.</summary>
    public string ClusterId { get; init; } = "embedded";

    /// <summary>Storage nodes, 1 to 64. Fixed once the cluster exists.</summary>
    public int StorageNodeCount { get; init; } = 1;

    /// <summary>Storage targets of each node, 1 to 64; each is the only member of one chain. Fixed once the cluster exists.</summary>
    public int TargetsPerNode { get; init; } = 4;

    /// <summary>Replicas of each chunk. Only 1 is supported. Fixed once the cluster exists.</summary>
    public int ReplicaCount { get; init; } = 1;

    /// <summary>Chunk size of the root directory's layout in bytes: a power of two, 4 KiB to 64 MiB. Used when the cluster is created.</summary>
    public int ChunkSize { get; init; } = 512 * 1024;

    /// <summary>Chains over which a file is striped in the root directory's layout, 1 to 1024. Used when the cluster is created.</summary>
    public int StripeSize { get; init; } = 4;

    /// <summary>What an acknowledged write survives.</summary>
    public DurabilityMode Durability { get; init; } = DurabilityMode.Fsync;

    /// <summary>Bytes that the chunks of one node may occupy; null is limited by the disk only.</summary>
    public long? NodeCapacityBytes { get; init; }

    /// <summary>Bytes of the disk that stay free, so that metadata and removals always work.</summary>
    public long ReservedDiskBytes { get; init; } = 256L << 20;

    /// <summary>Address to listen on.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Port of the manager; 0 picks a free one.</summary>
    public int ManagerPort { get; init; }

    /// <summary>
    /// Publish the addresses of services as RDMA ones, as production clusters do. Clients rewrite them to
    /// TCP; nothing else changes.
    /// </summary>
    public bool PublishAsRdma { get; init; }

    /// <summary>Delete the data directory when the cluster is disposed.</summary>
    public bool DeleteDataOnDispose { get; init; }

    /// <summary>How often nodes report to the manager.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Silence after which the manager declares a node failed.</summary>
    public TimeSpan FailAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the collector looks for removed files.</summary>
    public TimeSpan GcInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the chunks of a removed file are kept, for readers that still have it open.</summary>
    public TimeSpan GcDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Reads every chunk at the start and refuses to start when one is damaged.</summary>
    public bool VerifyChunksOnStart { get; init; }

    /// <summary>
    /// Receives what an operator needs to know (categories <c>DeepInfra.Fs.Cluster</c> and <c>DeepInfra.Fs</c>, event
    /// ids from 6001): recovery, failed nodes, chains that stop serving, damaged chunks, full disks. Null logs nothing.
    /// </summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Faults to inject while the cluster runs.</summary>
    internal ClusterFaults Faults { get; init; } = new();

    /// <summary>Age of a file session at which it ends if its client has vanished.</summary>
    internal TimeSpan SessionTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How often the metadata service looks for such sessions.</summary>
    internal TimeSpan SessionScanInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Settings of a cluster in a fresh temporary directory, which goes away with it. Nothing is flushed to the device.</summary>
    public static ThreeFsClusterOptions Temporary() =>
        new()
        {
            DataDirectory = Path.Combine(
                Path.GetTempPath(),
                $"deepinfra-3fs-{Path.GetRandomFileName()}"
            ),
            DeleteDataOnDispose = true,
            Durability = DurabilityMode.None,
        };

    /// <summary>Checks the settings.</summary>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    /// <exception cref="NotSupportedException">More than one replica was asked for.</exception>
    public void Validate()
    {
        if (string.IsNullOrWhiteSpace(DataDirectory))
        {
            throw new ArgumentException("DataDirectory: a path is required", nameof(DataDirectory));
        }
        if (string.IsNullOrEmpty(ClusterId))
        {
            throw new ArgumentException("ClusterId: a name is required", nameof(ClusterId));
        }
        Require(
            StorageNodeCount is >= 1 and <= 64,
            nameof(StorageNodeCount),
            StorageNodeCount,
            "1..64"
        );
        Require(TargetsPerNode is >= 1 and <= 64, nameof(TargetsPerNode), TargetsPerNode, "1..64");
        Require(ReplicaCount >= 1, nameof(ReplicaCount), ReplicaCount, "at least 1");
        if (ReplicaCount > 1)
        {
            throw new NotSupportedException(
                $"ReplicaCount {ReplicaCount}: chains of one replica are what this version stores; "
                    + "replication along a chain is not implemented yet"
            );
        }
        Require(
            BitOperations.IsPow2(ChunkSize)
                && ChunkSize is >= 4096 and <= 1 << BlockAddress.MaxSizeLog2,
            nameof(ChunkSize),
            ChunkSize,
            "a power of two from 4096 to 67108864"
        );
        Require(StripeSize is >= 1 and <= 1024, nameof(StripeSize), StripeSize, "1..1024");
        Require(Enum.IsDefined(Durability), nameof(Durability), Durability, "Fsync or None");
        Require(
            NodeCapacityBytes is null or > 0,
            nameof(NodeCapacityBytes),
            NodeCapacityBytes,
            "above 0 or null"
        );
        Require(ReservedDiskBytes >= 0, nameof(ReservedDiskBytes), ReservedDiskBytes, "at least 0");
        Require(
            Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork,
            nameof(Address),
            Address,
            "an IPv4 address"
        );
        Require(ManagerPort is >= 0 and <= 65535, nameof(ManagerPort), ManagerPort, "0..65535");
        Require(
            HeartbeatInterval > TimeSpan.Zero && FailAfter > HeartbeatInterval,
            nameof(FailAfter),
            FailAfter,
            $"more than HeartbeatInterval ({HeartbeatInterval})"
        );
        Require(GcInterval > TimeSpan.Zero, nameof(GcInterval), GcInterval, "above 0");
        Require(GcDelay >= TimeSpan.Zero, nameof(GcDelay), GcDelay, "at least 0");
    }

    private static void Require<T>(bool valid, string name, T actual, string expected)
    {
        if (!valid)
        {
            throw new ArgumentException($"{name}: expected {expected}, got {actual}", name);
        }
    }
}
