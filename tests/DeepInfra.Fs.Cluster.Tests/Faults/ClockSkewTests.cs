// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Client;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>Nodes whose clocks are wrong.</summary>
public sealed class ClockSkewTests
{
    private const uint Manager = 1;
    private const uint Meta = 100;
    private const uint Storage = 10001;

    [Theory]
    [InlineData(25)]
    [InlineData(-25)]
    public async Task StorageClock_WithinTolerance_Serves(int seconds)
    {
        await using var fs = await FaultFixture.StartAsync();

        fs.Faults().ClockOf(Storage).Skew(TimeSpan.FromSeconds(seconds));
        await Task.Delay(fs.Cluster.Options.HeartbeatInterval * 3);
        await fs.WriteFileAsync("/f", ClientFixture.Bytes(1, 300_000));

        (await fs.ReadFileAsync("/f")).Should().Equal(ClientFixture.Bytes(1, 300_000));
        (await NodeAsync(fs, Storage)).Should().Be(NodeStatus.HeartbeatConnected);
    }

    [Theory]
    [InlineData(35)]
    [InlineData(-35)]
    public async Task StorageClock_BeyondTolerance_NodeLosesItsLeaseUntilItIsRight(int seconds)
    {
        var clock = new HurryingClock();
        await using var fs = await ClientFixture.StartAsync(o => FaultFixture.Hurried(o, clock));
        var content = ClientFixture.Bytes(1, 300_000);
        await fs.WriteFileAsync("/f", content);

        fs.Faults().ClockOf(Storage).Skew(TimeSpan.FromSeconds(seconds));
        await UntilAsync(fs, Storage, NodeStatus.HeartbeatFailed);
        var error = await clock.FailsSoonAsync<ThreeFsException>(() => fs.ReadFileAsync("/f"));
        fs.Faults().ClockOf(Storage).Skew(TimeSpan.Zero);
        await UntilAsync(fs, Storage, NodeStatus.HeartbeatConnected);

        error.StatusCode.Should().Be(StatusCode.StorageClientNotAvailable);
        error.Message.Should().MatchRegex("target [0-9]{9,} is LastSrv");
        (await fs.ReadFileAsync("/f")).Should().Equal(content);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task AllClocks_JumpTogether_NoLeaseEnds(int sign)
    {
        await using var fs = await FaultFixture.StartAsync();
        await using var file = await fs.Client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        var version = await RoutingVersionAsync(fs);

        foreach (var node in new[] { Manager, Meta, Storage, Storage + 1 })
        {
            // A day, as when the time of a machine is set.
            fs.Faults().ClockOf(node).Skew(TimeSpan.FromDays(sign));
        }
        await Task.Delay(fs.Cluster.Options.HeartbeatInterval * 5);
        await file.WriteAsync(ClientFixture.Bytes(1, 100), 0);

        (await RoutingVersionAsync(fs)).Should().Be(version, "no node was taken for dead");
        (await SessionsAsync(fs)).Should().Be(1, "the client is still known");
    }

    [Fact]
    public async Task ManagerTime_PassesWithoutTheClient_EndsItsSession()
    {
        // The client must not extend its session meanwhile.
        await using var fs = await FaultFixture.StartAsync(o =>
            o with
            {
                ManagerInterval = TimeSpan.FromHours(1),
            }
        );
        var before = await SessionsAsync(fs);

        fs.Faults().ClockOf(Manager).Advance(TimeSpan.FromMinutes(19));
        var justBefore = await SessionsAsync(fs);
        fs.Faults().ClockOf(Manager).Advance(TimeSpan.FromMinutes(2));
        var after = await SessionsAsync(fs);

        (before, justBefore, after).Should().Be((1, 1, 0));
    }

    [Fact]
    public async Task MetaClock_Ahead_FileSessionsOfLiveClientsStay()
    {
        await using var fs = await ClientFixture.StartAsync(
            FaultFixture.Eager,
            o =>
                o with
                {
                    SessionScanInterval = TimeSpan.FromMilliseconds(50),
                    SessionTimeout = TimeSpan.FromSeconds(30),
                }
        );
        var file = await fs.Client.OpenAsync("/f", FileMode.CreateNew, FileAccess.ReadWrite);
        await file.WriteAsync(ClientFixture.Bytes(1, 1000), 0);

        // Seen from here every session is old, and the list of live clients is as old as the manager.
        fs.Faults().ClockOf(Meta).Skew(TimeSpan.FromHours(1));
        await fs.Client.DeleteAsync("/f");
        await Task.Delay(500);
        var found = new byte[1000];
        await file.ReadAsync(found, 0);
        await file.DisposeAsync();

        found.Should().Equal(ClientFixture.Bytes(1, 1000), "the file is open for writing");
        for (var i = 0; (await fs.Cluster.VerifyChunksAsync()).Chunks > 0; i++)
        {
            i.Should().BeLessThan(2400);
            await Task.Delay(25);
        }
    }

    [Fact]
    public async Task MetaClock_GoesBack_FileTimesOnlyMoveForward()
    {
        await using var fs = await FaultFixture.StartAsync();
        await fs.WriteFileAsync("/f", [1]);
        var before = await fs.Client.GetInfoAsync("/f");

        fs.Faults().ClockOf(Meta).Skew(TimeSpan.FromHours(-5));
        await fs.WriteFileAsync("/f", [2, 2]);
        var after = await fs.Client.GetInfoAsync("/f");

        after.Length.Should().Be(2);
        after.LastModified.Should().BeOnOrAfter(before.LastModified);
    }

    private static async Task<NodeStatus> NodeAsync(ClientFixture fs, uint node)
    {
        await using var raw = await RawClient.ConnectAsync(fs.Cluster);
        return raw.Routing.Nodes[node].Status;
    }

    private static async Task<ulong> RoutingVersionAsync(ClientFixture fs)
    {
        await using var raw = await RawClient.ConnectAsync(fs.Cluster);
        return raw.Routing.RoutingInfoVersion;
    }

    private static async Task<int> SessionsAsync(ClientFixture fs)
    {
        await using var raw = await RawClient.ConnectAsync(fs.Cluster);
        var answer = await raw.MgmtdAsync<ListClientSessionsReq, ListClientSessionsRsp>(
            MgmtdMethod.ListClientSessions,
            new ListClientSessionsReq { ClusterId = fs.Cluster.ClusterId }
        );
        return answer.Value.Sessions.Count;
    }

    private static async Task UntilAsync(ClientFixture fs, uint node, NodeStatus status)
    {
        for (var i = 0; await NodeAsync(fs, node) != status; i++)
        {
            i.Should().BeLessThan(1200, $"node {node} should become {status}");
            await Task.Delay(50);
        }
    }
}
