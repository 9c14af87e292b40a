// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;
using static DeepInfra.Fs.Tests.Storage.ChunkData;

namespace DeepInfra.Fs.Tests.Storage;

/// <summary>Writes, truncations and removals.</summary>
public sealed class StorageClientUpdateTests
{
    [Fact]
    public async Task WriteAsync_AnswerLost_RepeatsTheSameTag()
    {
        var drops = 1;
        var options = new RpcOptions
        {
            OnReply = call => new ValueTask<RpcFaultAction>(
                call.ServiceId == ServiceId.Storage && Interlocked.Decrement(ref drops) >= 0
                    ? RpcFaultAction.Drop
                    : RpcFaultAction.Deliver
            ),
        };
        await using var cluster = new FakeCluster(options: options);
        await using var client = await cluster.ConnectAsync();

        var writes = Writes(Pattern(5000, 3));
        await client.Storage.WriteAsync(writes, 1, default);

        writes[0].Status.IsOk.Should().BeTrue();
        var sent = cluster.Nodes[0].Writes;
        sent.Should().HaveCount(2);
        sent[1].Tag.RequestId.Should().Be(sent[0].Tag.RequestId);
        sent[1].Tag.Channel.Should().Be(sent[0].Tag.Channel);
        sent[1].RetryCount.Should().Be(1);
        sent[0].Tag.Channel.Id.Should().NotBe(0);
        sent[0].Payload.Inlinebuf.Data.Length.Should().Be(5000);
        sent[0].Payload.Checksum.Type.Should().Be(ChecksumType.Crc32c);
    }

    [Fact]
    public async Task WriteAsync_ManyAtOnce_OwnTheirChannels()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();

        await Task.WhenAll(
            Enumerable
                .Range(0, 50)
                .Select(async i =>
                {
                    var writes = Writes(Pattern(100, i), chunk: (uint)i);
                    await client.Storage.WriteAsync(writes, 1, default);
                    writes[0].Status.IsOk.Should().BeTrue();
                })
        );

        var tags = cluster.Nodes[0].Writes.Select(w => w.Tag).ToList();
        tags.Select(t => t.Channel.Seqnum).Should().OnlyHaveUniqueItems();
        tags.Select(t => t.RequestId).Should().OnlyHaveUniqueItems();
        foreach (var channel in tags.GroupBy(t => t.Channel.Id))
        {
            channel.Select(t => t.Channel.Seqnum).Should().BeInAscendingOrder();
        }
    }

    [Theory]
    [InlineData(StatusCode.StorageClientNoSpace, StatusCode.StorageClientNoSpace)]
    [InlineData(StatusCode.InvalidArg, StatusCode.StorageClientInvalidArg)]
    [InlineData(StatusCode.ReadOnlyMode, StatusCode.StorageClientReadOnlyServer)]
    [InlineData(StatusCode.StorageChecksumMismatch, StatusCode.StorageClientChecksumMismatch)]
    public async Task WriteAsync_PermanentFailure_IsReportedAtOnce(
        StatusCode server,
        StatusCode client
    )
    {
        await using var cluster = new FakeCluster();
        cluster.Nodes[0].OnWrite = _ => new Status(server, "reason");
        await using var connected = await cluster.ConnectAsync();

        var writes = Writes(Pattern(10, 1));
        await connected.Storage.WriteAsync(writes, 1, default);

        writes[0].Status.Code.Should().Be(client);
        writes[0].Status.Message.Should().Contain("reason");
        cluster.Nodes[0].Writes.Should().ContainSingle();
    }

    [Fact]
    public async Task WriteAsync_ChannelBusy_Retries()
    {
        await using var cluster = new FakeCluster();
        var busy = 1;
        cluster.Nodes[0].OnWrite = _ =>
            Interlocked.Decrement(ref busy) >= 0
                ? new Status(StatusCode.StorageChannelIsLocked)
                : null;
        await using var client = await cluster.ConnectAsync();

        var writes = Writes(Pattern(10, 1));
        await client.Storage.WriteAsync(writes, 1, default);

        writes[0].Status.IsOk.Should().BeTrue();
    }

    [Fact]
    public async Task RemoveChunksAsync_ManyChunks_GoesOnUntilNoneIsLeft()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        for (uint i = 0; i < 100; i++)
        {
            Put(cluster, i, [1]);
        }

        var removed = await client.Storage.RemoveChunksAsync(
            Chain,
            new ChunkId(7, 0, 10),
            ChunkId.EndOfFile(7),
            default
        );

        removed.Value.Should().Be(90);
        cluster.Chunks.Should().HaveCount(10);
    }

    [Fact]
    public async Task QueryLastChunkAsync_Chunks_FindsTheLast()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        Put(cluster, 3, Pattern(77, 1));

        var last = await client.Storage.QueryLastChunkAsync(
            Chain,
            new ChunkIdRange { Begin = new ChunkId(7, 0, 0), End = ChunkId.EndOfFile(7) },
            default
        );

        last.Value.LastChunkLen.Should().Be(77);
        last.Value.LastChunkId.ChunkIndex.Should().Be(3);
    }
}
