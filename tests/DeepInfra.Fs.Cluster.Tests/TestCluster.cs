// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests;

/// <summary>Clusters with the short intervals that tests want.</summary>
internal static class TestCluster
{
    public static ThreeFsClusterOptions Options(string directory) =>
        new()
        {
            DataDirectory = directory,
            StorageNodeCount = 2,
            TargetsPerNode = 2,
            ChunkSize = 64 * 1024,
            Durability = DurabilityMode.None,
            HeartbeatInterval = TimeSpan.FromMilliseconds(100),
            // Long enough for a loaded machine: a healthy node must not be taken for a failed one.
            FailAfter = TimeSpan.FromSeconds(3),
            GcInterval = TimeSpan.FromMilliseconds(50),
            GcDelay = TimeSpan.Zero,
            ReservedDiskBytes = 0,
        };

    public static Task<ThreeFsCluster> StartAsync(string directory) =>
        ThreeFsCluster.StartAsync(Options(directory));
}
