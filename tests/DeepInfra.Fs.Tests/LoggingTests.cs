// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;
using DeepInfra.Testing;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Tests;

public sealed class LoggingTests : IDisposable
{
    private readonly LogCapture _log = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task Connect_Routing_IsLoggedWithItsTargets()
    {
        await using var cluster = new FakeCluster(storageNodes: 2, chains: 2);
        cluster.ChangeRouting(r => Set(r, 900001, PublicTargetState.LastSrv));
        await using var client = await ConnectAsync(cluster);
        cluster.ChangeRouting(r => Set(r, 900001, PublicTargetState.Serving));

        await client.Mgmtd.RefreshRoutingAsync(default);

        _log.Of(6001).Should().NotBeEmpty("connections are logged");
        _log.Of(6008)
            .Select(l => l.Message)
            .Should()
            .Equal(
                "Routing information changed from version 0 to 2: 4 nodes, 2 chains",
                "Routing information changed from version 2 to 3: 4 nodes, 2 chains"
            );
        _log.Of(6009).Should().ContainSingle().Which.Message.Should().Contain("900001 is LastSrv");
        _log.Of(6010).Should().ContainSingle().Which.Message.Should().Contain("chain 900001");
        _log.Lines.Should().OnlyContain(l => l.Category == "DeepInfra.Fs");
    }

    [Fact]
    public async Task Read_NodeRefusesForEver_LogsRetriesAndTheEnd()
    {
        await using var cluster = new FakeCluster();
        cluster.Nodes[0].OnRead = _ => new Status(StatusCode.StorageTargetOffline, "down");
        await using var client = await ConnectAsync(
            cluster,
            o =>
                o with
                {
                    StorageTimeout = TimeSpan.FromMilliseconds(200),
                    MaximumStorageTimeout = TimeSpan.FromMilliseconds(200),
                    OperationTimeout = TimeSpan.FromSeconds(1),
                }
        );
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await file.WriteAsync(new byte[10], 0);

        var read = async () => await file.ReadAsync(new byte[10], 0);

        // The last attempt may find its time used up before the refusal arrives: that is a time-out.
        var failure = (await read.Should().ThrowAsync<Exception>()).Which;
        (failure as ThreeFsException ?? failure.InnerException)
            .Should()
            .BeOfType<ThreeFsException>();
        _log.Of(6005)
            .Should()
            .NotBeEmpty()
            .And.OnlyContain(l =>
                l.Level == LogLevel.Warning && l.Message.StartsWith("BatchRead failed")
            )
            .And.Contain(l => l.Message.Contains("down"));
        _log.Of(6007)
            .Should()
            .ContainSingle()
            .Which.Message.Should()
            .StartWith("BatchRead was given up:");
    }

    [Fact]
    public async Task Read_Damaged_LogsChunkAndNode()
    {
        await using var cluster = new FakeCluster();
        cluster.Nodes[0].OnReadAnswer = (_, answer) =>
        {
            for (var i = 0; i < answer.Results.Count; i++)
            {
                var result = answer.Results[i];
                result.Checksum.Value ^= 1;
                answer.Results[i] = result;
            }
        };
        await using var client = await ConnectAsync(cluster);
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await file.WriteAsync(new byte[10], 0);

        var read = async () => await file.ReadAsync(new byte[10], 0);

        await read.Should().ThrowAsync<ThreeFsException>();
        var line = _log.Of(6011).Should().ContainSingle().Which;
        line.Level.Should().Be(LogLevel.Error);
        line.Message.Should().Contain(cluster.StorageListeners[0].EndPoint.ToString());
        line.Message.Should().Contain("chunk 00000000-");
    }

    [Fact]
    public async Task MetadataServer_Stopped_IsLoggedOnceAndItsConnectionToo()
    {
        await using var cluster = new FakeCluster();
        await using var client = await ConnectAsync(cluster);
        await client.TryGetInfoAsync("f");

        await cluster.MetaListener.DisposeAsync();
        var stat = async () => await client.TryGetInfoAsync("f");

        await stat.Should().ThrowAsync<Exception>();
        _log.Of(6012).Should().ContainSingle().Which.Message.Should().Contain("100 failed");
        _log.Of(6002)
            .Should()
            .NotBeEmpty()
            .And.OnlyContain(l => l.Message.Contains("cannot connect"));
        _log.Of(6003).Should().NotBeEmpty();
    }

    [Fact]
    public async Task Connect_NoLoggerFactory_WorksSilently()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();

        (await client.TryGetInfoAsync("f")).Should().BeNull();
    }

    private ValueTask<ThreeFsClient> ConnectAsync(
        FakeCluster cluster,
        Func<ThreeFsClientOptions, ThreeFsClientOptions>? change = null
    ) =>
        cluster.ConnectAsync(o =>
            (change?.Invoke(o) ?? o) with
            {
                LoggerFactory = _log,
                OperationTimeout = TimeSpan.FromMilliseconds(500),
            }
        );

    private static void Set(RoutingInfo routing, uint chain, PublicTargetState state)
    {
        var targets = routing.Chains[chain].Targets;
        targets[0] = new ChainTargetInfo { TargetId = targets[0].TargetId, PublicState = state };
    }
}
