// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

public sealed class NodeFailureTests
{
    private static readonly ChunkId s_chunk = new(0x7777_0000, 0, 0);

    [Fact]
    public async Task StopNode_ItsChain_StopsServingUntilItStartsAgain()
    {
        await using var fs = await MetaFixture.StartAsync();
        var chain = ChainOfNode(fs, 0);
        await fs.Client.WriteAsync(chain, s_chunk, 0, new byte[100]);
        var before = fs.Client.Routing.Chains[chain].ChainVersion;

        await fs.Cluster.StopNodeAsync(0);
        var refused = await fs.Client.ReadAsync(chain, s_chunk, 0, 100);
        await UntilStateAsync(fs, chain, PublicTargetState.LastSrv);
        await fs.Cluster.StartNodeAsync(0);
        await fs.Client.RefreshAsync();
        var read = await fs.Client.ReadAsync(chain, s_chunk, 0, 100);

        refused.Result.LengthInfo.HasValue.Should().BeFalse();
        read.Result.LengthInfo.Value.Should().Be(100);
        fs.Client.Routing.Chains[chain].ChainVersion.Should().Be(before + 2);
        fs.Cluster.IsNodeRunning(0).Should().BeTrue();
    }

    [Fact]
    public async Task StopNode_OtherNodesChains_KeepServing()
    {
        await using var fs = await MetaFixture.StartAsync();
        var chain = ChainOfNode(fs, 1);
        await fs.Client.WriteAsync(chain, s_chunk, 0, new byte[100]);

        await fs.Cluster.StopNodeAsync(0, graceful: true);
        await fs.Client.RefreshAsync();
        var read = await fs.Client.ReadAsync(chain, s_chunk, 0, 100);

        read.Result.LengthInfo.Value.Should().Be(100);
    }

    [Fact]
    public async Task Write_WithOldChainVersion_IsRefused()
    {
        await using var fs = await MetaFixture.StartAsync();
        var chain = ChainOfNode(fs, 0);
        await fs.Cluster.StopNodeAsync(0, graceful: true);
        await fs.Cluster.StartNodeAsync(0);

        var stale = await fs.Client.WriteAsync(chain, s_chunk, 0, new byte[100]);
        await fs.Client.RefreshAsync();
        var fresh = await fs.Client.WriteAsync(chain, s_chunk, 0, new byte[100]);

        stale.LengthInfo.Status.Code.Should().Be(StatusCode.StorageClientRoutingVersionMismatch);
        fresh.LengthInfo.HasValue.Should().BeTrue();
    }

    [Fact]
    public async Task Remove_WhileNodeIsDown_CollectsTheChunksLater()
    {
        await using var fs = await MetaFixture.StartAsync();
        var file = await fs.CreateAsync("/f");
        foreach (var chain in fs.Client.Routing.Chains.Keys)
        {
            await fs.Client.WriteAsync(chain, new ChunkId(file.Id, 0, 0), 0, new byte[10]);
        }

        await fs.Cluster.StopNodeAsync(0);
        (await fs.RemoveAsync("/f")).Should().Be(StatusCode.Ok);
        await Task.Delay(300);
        await fs.Cluster.StartNodeAsync(0);

        for (var i = 0; (await fs.Cluster.VerifyChunksAsync()).Chunks > 0; i++)
        {
            i.Should().BeLessThan(400);
            await Task.Delay(25);
        }
    }

    [Fact]
    public async Task StopNode_UnknownIndex_Throws()
    {
        await using var fs = await MetaFixture.StartAsync();

        var stop = () => fs.Cluster.StopNodeAsync(2);

        await stop.Should()
            .ThrowAsync<ArgumentOutOfRangeException>()
            .WithMessage("index: expected 0..1, got 2*");
    }

    [Fact]
    public async Task Dispose_WithRequestsInFlight_FinishesCleanly()
    {
        var fs = await MetaFixture.StartAsync();
        var chain = ChainOfNode(fs, 0);
        var writers = Enumerable
            .Range(1, 8)
            .Select(async w =>
            {
                while (
                    (
                        await fs.Client.WriteAsync(
                            chain,
                            new ChunkId(0x7777_0000, 0, (uint)w),
                            0,
                            new byte[30_000],
                            channel: (ushort)w
                        )
                    )
                        .LengthInfo
                        .HasValue
                ) { }
            })
            .ToArray();
        await Task.Delay(100);

        await fs.Cluster.DisposeAsync();

        // Before their client is gone, too.
        await Task.WhenAll(writers);
        await fs.DisposeAsync();
    }

    private static uint ChainOfNode(MetaFixture fs, int node)
    {
        var routing = fs.Client.Routing;
        return routing
            .Chains.Values.First(c =>
                routing.Targets[c.Targets[0].TargetId].NodeId == 10001u + (uint)node
            )
            .ChainId;
    }

    private static async Task UntilStateAsync(MetaFixture fs, uint chain, PublicTargetState state)
    {
        for (var i = 0; i < 400; i++)
        {
            await fs.Client.RefreshAsync();
            if (fs.Client.Routing.Chains[chain].Targets[0].PublicState == state)
            {
                return;
            }
            await Task.Delay(25);
        }
        throw new TimeoutException($"chain {chain} did not become {state} within 10 s");
    }
}
