// SPDX-License-Identifier: MIT
using System.Net;

namespace DeepInfra.Fs.Cluster.Tests;

public sealed class OptionsTests
{
    public static TheoryData<string, Func<ThreeFsClusterOptions, ThreeFsClusterOptions>> Invalid =>
        new()
        {
            { "DataDirectory", o => o with { DataDirectory = " " } },
            { "ClusterId", o => o with { ClusterId = "" } },
            { "StorageNodeCount", o => o with { StorageNodeCount = 0 } },
            { "TargetsPerNode", o => o with { TargetsPerNode = 65 } },
            { "ReplicaCount", o => o with { ReplicaCount = 0 } },
            { "ChunkSize", o => o with { ChunkSize = 100_000 } },
            { "ChunkSize", o => o with { ChunkSize = 128 << 20 } },
            { "StripeSize", o => o with { StripeSize = 0 } },
            { "Durability", o => o with { Durability = (DurabilityMode)7 } },
            { "NodeCapacityBytes", o => o with { NodeCapacityBytes = 0 } },
            { "ReservedDiskBytes", o => o with { ReservedDiskBytes = -1 } },
            { "Address", o => o with { Address = IPAddress.IPv6Loopback } },
            { "ManagerPort", o => o with { ManagerPort = 70_000 } },
            { "FailAfter", o => o with { FailAfter = TimeSpan.Zero } },
            { "GcInterval", o => o with { GcInterval = TimeSpan.Zero } },
            { "GcDelay", o => o with { GcDelay = TimeSpan.FromSeconds(-1) } },
        };

    [Theory]
    [MemberData(nameof(Invalid))]
    public void Validate_OutOfRange_NamesTheSetting(
        string name,
        Func<ThreeFsClusterOptions, ThreeFsClusterOptions> change
    )
    {
        var validate = () => change(TestCluster.Options("/x")).Validate();

        validate.Should().Throw<ArgumentException>().WithMessage($"{name}: *");
    }

    [Fact]
    public async Task StartAsync_SeveralReplicas_SaysWhyNot()
    {
        var start = () =>
            ThreeFsCluster.StartAsync(TestCluster.Options("/x") with { ReplicaCount = 3 });

        await start.Should().ThrowAsync<NotSupportedException>().WithMessage("*ReplicaCount 3*");
    }

    [Fact]
    public async Task StartAsync_OtherShapeThanStored_IsRefused()
    {
        using var temp = new TempDirectory();
        await using (await TestCluster.StartAsync(temp["data"])) { }

        var other = () =>
            ThreeFsCluster.StartAsync(
                TestCluster.Options(temp["data"]) with
                {
                    StorageNodeCount = 3,
                }
            );

        await other
            .Should()
            .ThrowAsync<ClusterStorageException>()
            .WithMessage("*StorageNodeCount = 2*StorageNodeCount = 3*");
        // The failed start has let go of the directory.
        await using var again = await TestCluster.StartAsync(temp["data"]);
    }

    [Fact]
    public async Task StartAsync_DirectoryWithOtherData_IsRefused()
    {
        using var temp = new TempDirectory();
        Directory.CreateDirectory(temp["data/precious"]);

        var start = () => TestCluster.StartAsync(temp["data"]);

        await start.Should().ThrowAsync<ClusterStorageException>().WithMessage("*other data*");
    }

    [Fact]
    public async Task StartAsync_PortTaken_FailsAndLeavesNothingOpen()
    {
        using var temp = new TempDirectory();
        await using var first = await TestCluster.StartAsync(temp["one"]);
        var port = first.ManagerEndpoints[0].Port;

        var second = () =>
            ThreeFsCluster.StartAsync(TestCluster.Options(temp["two"]) with { ManagerPort = port });

        await second.Should().ThrowAsync<ThreeFsException>();
        await using var third = await TestCluster.StartAsync(temp["two"]);
    }
}
