// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Management;

public sealed class MgmtdClientTests
{
    [Fact]
    public async Task ConnectAsync_Cluster_LoadsRoutingAndOpensSession()
    {
        await using var cluster = new FakeCluster(storageNodes: 2);
        await using var client = await cluster.ConnectAsync();

        client.Mgmtd.Routing.Version.Should().Be(1);
        cluster.Manager.SessionVersion.Should().Be(1);
        (await client.Admin.ListNodesAsync()).Should().HaveCount(4);
        (await client.Admin.ListChainsAsync()).Should().HaveCount(4);
    }

    [Fact]
    public async Task ConnectAsync_WrongClusterId_SaysSo()
    {
        await using var cluster = new FakeCluster();

        var act = async () => await cluster.ConnectAsync(o => o with { ClusterId = "other" });

        var thrown = await act.Should().ThrowAsync<ThreeFsException>();
        thrown.Which.StatusCode.Should().Be(StatusCode.MgmtdClusterIdMismatch);
        thrown.Which.Hint.Should().Contain("other");
    }

    [Fact]
    public async Task ConnectAsync_NobodyListens_NamesTheAddress()
    {
        var act = async () =>
            await ThreeFsClient.ConnectAsync(
                new ThreeFsClientOptions { ClusterId = "x", ManagerAddresses = ["127.0.0.1:1"] }
            );

        var thrown = await act.Should().ThrowAsync<ThreeFsException>();
        thrown.Which.StatusCode.Should().Be(StatusCode.MgmtdClientPrimaryMgmtdNotFound);
        thrown.Which.Message.Should().Contain("127.0.0.1:1");
    }

    [Fact]
    public async Task ConnectAsync_FirstAddressDead_UsesTheNext()
    {
        await using var cluster = new FakeCluster();

        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                ManagerAddresses = ["127.0.0.1:1", $"RDMA://{cluster.ManagerAddress}"],
            }
        );

        client.Mgmtd.Routing.Version.Should().Be(1);
    }

    [Theory]
    [InlineData("localhost:1")]
    [InlineData("127.0.0.1")]
    [InlineData("ROCKET://127.0.0.1:1")]
    [InlineData("127.1:5")]
    [InlineData("127.0.0.1:70000")]
    public async Task ConnectAsync_BadAddress_Throws(string address)
    {
        var act = async () =>
            await ThreeFsClient.ConnectAsync(
                new ThreeFsClientOptions { ClusterId = "x", ManagerAddresses = [address] }
            );

        (await act.Should().ThrowAsync<ArgumentException>()).WithMessage($"*{address}*");
    }

    [Fact]
    public async Task ConnectAsync_BadOptions_NameTheOption()
    {
        await using var cluster = new FakeCluster();
        var cases = new (Func<ThreeFsClientOptions, ThreeFsClientOptions> Change, string Name)[]
        {
            (o => o with { ManagerAddresses = [] }, "ManagerAddresses"),
            (o => o with { ConnectionsPerServer = 9 }, "ConnectionsPerServer"),
            (o => o with { MaximumIoBytes = 0 }, "MaximumIoBytes"),
            (o => o with { MaximumBatchBytes = 1 }, "MaximumBatchBytes"),
            (o => o with { MaximumBatchIos = 0 }, "MaximumBatchIos"),
            (o => o with { MaximumRequests = 0 }, "MaximumRequests"),
        };
        foreach (var (change, name) in cases)
        {
            var act = async () => await cluster.ConnectAsync(change);
            (await act.Should().ThrowAsync<ArgumentException>()).WithMessage($"*{name}*");
        }
    }

    [Fact]
    public async Task ConnectAsync_StaleSessionVersion_ContinuesFromTheManagers()
    {
        await using var cluster = new FakeCluster();
        cluster.Manager.SessionVersion = 41;

        await using var client = await cluster.ConnectAsync();

        cluster.Manager.SessionVersion.Should().Be(42);
        cluster.Manager.SessionRequests.Should().Be(2);
    }

    [Fact]
    public async Task ConnectAsync_SessionRefused_Throws()
    {
        await using var cluster = new FakeCluster();
        cluster.Manager.OnCall = m =>
            m == MgmtdMethod.ExtendClientSession
                ? new Status(StatusCode.MgmtdExtendClientSessionMismatch, "other data")
                : null;

        var act = async () => await cluster.ConnectAsync();

        (await act.Should().ThrowAsync<ThreeFsException>())
            .Which.StatusCode.Should()
            .Be(StatusCode.MgmtdExtendClientSessionMismatch);
    }

    [Fact]
    public async Task CallAsync_PrimaryMoved_FollowsTheHint()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        var refusals = 0;
        cluster.Manager.OnCall = m =>
            m == MgmtdMethod.GetRoutingInfo && Interlocked.Increment(ref refusals) == 1
                ? new Status(StatusCode.MgmtdNotPrimary, "1")
                : null;

        var changed = await client.Mgmtd.RefreshRoutingAsync(default);

        changed.Should().BeFalse();
        refusals.Should().Be(2);
    }

    [Fact]
    public async Task RefreshRoutingAsync_NewVersion_IsAdopted()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        cluster.ChangeRouting(r => r.Chains[900001].ChainVersion = 7);

        var changed = await client.Mgmtd.RefreshRoutingAsync(default);

        changed.Should().BeTrue();
        client.Mgmtd.Routing.FindChain(900001)!.ChainVersion.Should().Be(7);
    }

    [Fact]
    public async Task RefreshRoutingAsync_VersionGoesBack_Throws()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        cluster.ChangeRouting(r => r.RoutingInfoVersion = 10);
        await client.Mgmtd.RefreshRoutingAsync(default);
        cluster.ChangeRouting(r => r.RoutingInfoVersion = 4);

        var act = async () => await client.Mgmtd.RefreshRoutingAsync(default);

        (await act.Should().ThrowAsync<ThreeFsException>()).WithMessage(
            "*from routing version 11 to 5*"
        );
    }

    [Fact]
    public async Task WaitForRoutingAsync_TableAppears_Returns()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();

        var wait = client
            .Mgmtd.WaitForRoutingAsync(
                r => r.FindTable(2, 0) is not null,
                TimeSpan.FromSeconds(20),
                default
            )
            .AsTask();
        cluster.ChangeRouting(r =>
            r.ChainTables[2] = new()
            {
                [1] = new() { ChainTableId = 2, ChainTableVersion = 1 },
            }
        );

        (await wait.WaitAsync(TimeSpan.FromSeconds(10))).Should().BeTrue();
    }

    [Fact]
    public void FindServing_MixedStates_TakesTheLeadingRun()
    {
        var cluster = new FakeCluster(storageNodes: 3, chains: 1, replicas: 3);
        cluster.ChangeRouting(r =>
        {
            r.Chains[900001].Targets[1] = r.Chains[900001].Targets[1] with
            {
                PublicState = PublicTargetState.Syncing,
            };
        });
        var routing = new Fs.Management.RoutingSnapshot(cluster.Routing);

        routing.FindServing(900001)!.Targets.Should().ContainSingle();
        routing.FindServing(5).Should().BeNull();
    }
}
