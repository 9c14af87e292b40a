// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Client;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>Nodes that stand still and disks that fail.</summary>
public sealed class NodeFaultTests
{
    private const uint Meta = 100;
    private const uint Storage = 10001;

    [Fact]
    public async Task StorageFrozen_Writes_WaitAndHappenOnceAfterwards()
    {
        await using var fs = await FaultFixture.StartAsync();
        await using var file = await fs.Client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );

        fs.Faults().Freeze(Storage);
        fs.Faults().Freeze(Storage + 1);
        var content = ClientFixture.Bytes(1, 200_000);
        var writing = file.WriteAsync(content, 0).AsTask();
        var early = await Task.WhenAny(writing, Task.Delay(500)) == writing;
        fs.Faults().Thaw(Storage);
        fs.Faults().Thaw(Storage + 1);
        await writing;

        early.Should().BeFalse();
        var found = new byte[content.Length];
        await file.ReadAsync(found, 0);
        found.Should().Equal(content);
        for (var chunk = 0u; chunk < 4; chunk++)
        {
            (await fs.VersionAsync(file.InodeId, chunk)).Should().Be(1);
        }
    }

    [Fact]
    public async Task StorageFrozen_LongerThanItsLease_ChainFailsOverAndComesBack()
    {
        await using var fs = await FaultFixture.StartAsync();
        var content = ClientFixture.Bytes(2, 300_000);
        await fs.WriteFileAsync("/f", content);

        fs.Faults().Freeze(Storage);
        await UntilAsync(fs, NodeStatus.HeartbeatFailed);
        var reading = fs.ReadFileAsync("/f");
        fs.Faults().Thaw(Storage);

        (await reading).Should().Equal(content);
        await UntilAsync(fs, NodeStatus.HeartbeatConnected);
    }

    [Fact]
    public async Task MetaFrozen_Requests_WaitAndGoOn()
    {
        await using var fs = await FaultFixture.StartAsync();

        fs.Faults().Freeze(Meta);
        var making = fs.Client.CreateDirectoryAsync("/d").AsTask();
        await Task.Delay(700);
        var early = making.IsCompleted;
        fs.Faults().Thaw(Meta);
        await making;

        early.Should().BeFalse();
        (await fs.Client.GetInfoAsync("/d")).Should().NotBeNull();
    }

    [Fact]
    public async Task DiskFails_ReadsAndWrites_NameTheFileAndOtherTargetsGoOn()
    {
        var clock = new HurryingClock();
        await using var fs = await ClientFixture.StartAsync(o =>
            FaultFixture.Hurried(o, clock) with
            {
                // The answers do come: they must not be taken for lost, however late they are.
                StorageTimeout = TimeSpan.FromSeconds(60),
                MaximumStorageTimeout = TimeSpan.FromSeconds(60),
                OperationTimeout = TimeSpan.FromSeconds(120),
            }
        );
        await using var file = await fs.Client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        var content = ClientFixture.Bytes(3, 4 * 65536);
        await file.WriteAsync(content, 0);
        var broken = await TargetOfAsync(fs, file.InodeId, 0);

        fs.Faults().DiskOf(broken).FailReads = true;
        var readError = await clock.FailsSoonAsync<ThreeFsException>(async () =>
            await file.ReadAsync(new byte[100], 0)
        );
        fs.Faults().DiskOf(broken).FailReads = false;
        fs.Faults().DiskOf(broken).FailWrites = true;
        var writeError = await clock.FailsSoonAsync<ThreeFsException>(async () =>
            await file.WriteAsync(new byte[100], 0)
        );
        var others = new byte[100];
        var othersRead = 0;
        for (var chunk = 1u; chunk < 4; chunk++)
        {
            if (await TargetOfAsync(fs, file.InodeId, chunk) != broken)
            {
                await file.ReadAsync(others, chunk * 65536);
                others.Should().Equal(content.AsSpan((int)chunk * 65536, 100).ToArray());
                othersRead++;
            }
        }
        fs.Faults().DiskOf(broken).FailWrites = false;

        readError.StatusCode.Should().Be(StatusCode.StorageClientRemoteIOError);
        writeError.StatusCode.Should().Be(StatusCode.StorageClientServerError);
        foreach (var message in new[] { readError.Message, writeError.Message })
        {
            message
                .Should()
                .Contain($"{new ChunkId(file.InodeId, 0, 0)}")
                .And.Contain($"target {broken}")
                .And.Contain(".dat");
        }
        othersRead.Should().BePositive();
        var found = new byte[content.Length];
        await file.ReadAsync(found, 0);
        found.Should().Equal(content, "a write that failed changed nothing");
        (await fs.Cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
    }

    private static async Task<ulong> TargetOfAsync(ClientFixture fs, ulong inode, uint chunk)
    {
        await using var raw = await RawClient.ConnectAsync(fs.Cluster);
        foreach (var chain in raw.Routing.Chains.Values)
        {
            var id = new ChunkId(inode, 0, chunk);
            var found = await raw.StorageAsync<QueryChunkReq, QueryChunkRsp>(
                chain.ChainId,
                StorageMethod.QueryChunk,
                new QueryChunkReq { ChainId = chain.ChainId, ChunkId = id }
            );
            if (found.HasValue && found.Value.Meta.HasValue)
            {
                return chain.Targets[0].TargetId;
            }
        }
        throw new InvalidOperationException($"no chain has chunk {chunk} of {inode:x}");
    }

    private static async Task UntilAsync(ClientFixture fs, NodeStatus status)
    {
        for (var i = 0; ; i++)
        {
            await using var raw = await RawClient.ConnectAsync(fs.Cluster);
            if (raw.Routing.Nodes[Storage].Status == status)
            {
                return;
            }
            i.Should().BeLessThan(1200, $"the node should become {status}");
            await Task.Delay(50);
        }
    }
}
