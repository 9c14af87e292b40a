// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;
using DeepInfra.Testing;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

public sealed class DiskFullTests
{
    [Fact]
    public async Task Write_QuotaOfTheNodeReached_FailsUntilSomethingIsRemoved()
    {
        await using var fs = await MetaFixture.StartAsync(o =>
            o with
            {
                NodeCapacityBytes = 1 << 20,
            }
        );
        var chain = fs.Client.Routing.Chains.Keys.Min();

        var written = await FillAsync(fs.Client, chain, 100);
        var space = MetaFixture.Value(
            await fs.Client.MetaAsync<StatFsReq, StatFsRsp>(MetaMethod.StatFs, new StatFsReq())
        );
        await RemoveAllAsync(fs.Client, chain);
        var again = await fs.Client.WriteAsync(chain, Id(0), 0, new byte[60_000]);

        written.Should().Be(16);
        space.Capacity.Should().Be(2 << 20);
        space.Free.Should().Be(1 << 20);
        again.LengthInfo.HasValue.Should().BeTrue();
    }

    [Fact]
    public async Task Write_DiskReallyFull_KeepsAllThatWasAcknowledged()
    {
        using var disk = await SmallDisk.CreateOrSkipAsync(96);

        await FillDiskAsync(Path.Combine(disk.PathFromOutside, "data"));
    }

    private static async Task FillDiskAsync(string directory)
    {
        // No reserve: the file system itself says no, in the middle of whatever the node is doing.
        var options = TestCluster.Options(directory) with
        {
            Durability = DurabilityMode.Fsync,
        };
        int written;
        uint chain;
        await using (var cluster = await ThreeFsCluster.StartAsync(options))
        await using (var client = await RawClient.ConnectAsync(cluster))
        {
            chain = client.Routing.Chains.Keys.Min();
            written = await FillAsync(client, chain, 2_000);
            written.Should().BeInRange(100, 1_000);
            (await cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
            await CheckAsync(client, chain, written);
        }

        // Room for the database to start: a sparse file of ours is all that is on the disk besides it.
        await using var again = await ThreeFsCluster.StartAsync(options);
        await using var reader = await RawClient.ConnectAsync(again);
        await CheckAsync(reader, chain, written);
        await RemoveAllAsync(reader, chain);
        var fresh = await reader.WriteAsync(chain, Id(0), 0, Content(0));
        fresh.LengthInfo.Status.Should().Be(Status.Ok);
    }

    private static ChunkId Id(int number) => new(0x7777_0000, 0, (uint)number);

    private static byte[] Content(int number)
    {
        var data = new byte[60_000];
        new Random(number).NextBytes(data);
        return data;
    }

    private static async Task<int> FillAsync(RawClient client, uint chain, int most)
    {
        for (var i = 0; i < most; i++)
        {
            var result = await client.WriteAsync(chain, Id(i), 0, Content(i));
            if (!result.LengthInfo.HasValue)
            {
                result.LengthInfo.Status.Code.Should().Be(StatusCode.StorageClientNoSpace);
                return i;
            }
        }
        return most;
    }

    private static async Task CheckAsync(RawClient client, uint chain, int written)
    {
        for (var i = 0; i < written; i++)
        {
            var (result, data) = await client.ReadAsync(chain, Id(i), 0, 65_536);
            result.LengthInfo.Status.Should().Be(Status.Ok);
            data.AsSpan().SequenceEqual(Content(i)).Should().BeTrue();
        }
    }

    private static async Task RemoveAllAsync(RawClient client, uint chain) =>
        await client.StorageAsync<RemoveChunksReq, RemoveChunksRsp>(
            chain,
            StorageMethod.RemoveChunks,
            new RemoveChunksReq
            {
                Payloads =
                [
                    new RemoveChunksOp
                    {
                        VChainId = client.Chain(chain),
                        ChunkIdRange = new ChunkIdRange
                        {
                            Begin = Id(0),
                            End = ChunkId.EndOfFile(0x7777_0000),
                        },
                        Tag = client.Tag(0),
                    },
                ],
            }
        );
}
