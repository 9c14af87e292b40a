// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

public sealed class UpdateTests : IAsyncLifetime
{
    private static readonly ChunkId s_chunk = new(0x7777_0000, 0, 0);

    private MetaFixture _fs = null!;
    private uint _chain;

    public async ValueTask InitializeAsync()
    {
        _fs = await MetaFixture.StartAsync();
        _chain = _fs.Client.Routing.Chains.Keys.Min();
    }

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task Write_RepeatedTag_IsAnsweredAndNotAppliedAgain()
    {
        var tag = _fs.Client.Tag(5);
        var first = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], tag: tag);
        var again = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], tag: tag);

        again.CommitVer.Should().Be(first.CommitVer).And.Be(1);
    }

    [Fact]
    public async Task Write_LowerSequenceNumber_IsADuplicate()
    {
        var old = _fs.Client.Tag(5);
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], channel: 5);

        var late = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], tag: old);

        late.LengthInfo.Status.Code.Should().Be(StatusCode.StorageClientDuplicateUpdate);
    }

    [Fact]
    public async Task Write_SameSequenceOtherRequest_IsABug()
    {
        var tag = _fs.Client.Tag(5);
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], tag: tag);

        var other = await _fs.Client.WriteAsync(
            _chain,
            s_chunk,
            0,
            new byte[10],
            tag: tag with
            {
                RequestId = tag.RequestId + 100,
            }
        );
        var without = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], channel: 0);

        other.LengthInfo.Status.Code.Should().Be(StatusCode.StorageClientFoundBug);
        without.LengthInfo.Status.Code.Should().Be(StatusCode.StorageClientFoundBug);
    }

    [Fact]
    public async Task Write_FailedRequestRepeated_RunsAgain()
    {
        var tag = _fs.Client.Tag(5);
        var tooLong = await _fs.Client.WriteAsync(_chain, s_chunk, 65_530, new byte[10], tag: tag);
        var repeated = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], tag: tag);

        tooLong.LengthInfo.Status.Code.Should().Be(StatusCode.InvalidArg);
        repeated.LengthInfo.HasValue.Should().BeTrue();
    }

    [Theory]
    [InlineData(1, 0u, 1u)]
    [InlineData(2, 1u, 1u)]
    public async Task Write_FailsAtInjectedPoint_IsAppliedOnceByTheRepetition(
        ushort point,
        uint versionAfterFailure,
        uint versionAfterRepetition
    )
    {
        var flags = new DebugFlags
        {
            InjectRandomServerError = true,
            NumOfInjectPtsBeforeFail = point,
        };
        var tag = _fs.Client.Tag(5);

        var failed = await _fs.Client.WriteAsync(
            _chain,
            s_chunk,
            0,
            new byte[10],
            tag: tag,
            debug: flags
        );
        var (between, _) = await _fs.Client.ReadAsync(_chain, s_chunk, 0, 10);
        var repeated = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], tag: tag);

        failed.LengthInfo.Status.Code.Should().Be(StatusCode.FaultInjection);
        between.CommitVer.Should().Be(versionAfterFailure);
        repeated.CommitVer.Should().Be(versionAfterRepetition);
    }

    [Fact]
    public async Task RemoveChunks_InBatches_RemovesFromTheEndAndCountsNumbers()
    {
        for (var i = 0u; i < 5; i++)
        {
            await _fs.Client.WriteAsync(_chain, new ChunkId(0x7777_0000, 0, i), 0, new byte[10]);
        }
        var tag = _fs.Client.Tag(9);

        var first = await RemoveAsync(tag);
        var repeated = await RemoveAsync(tag);
        var duplicate = await RemoveAsync(
            tag with
            {
                RequestId = tag.RequestId + 1,
                Channel = tag.Channel with { Seqnum = tag.Channel.Seqnum + 1 },
            }
        );

        first.NumChunksRemoved.Should().Be(3);
        first.MoreChunksInRange.Should().BeTrue();
        repeated.NumChunksRemoved.Should().Be(3, "the answer is repeated, nothing more is removed");
        duplicate.StatusCode.Status.Code.Should().Be(StatusCode.StorageClientDuplicateUpdate);
        (await _fs.Cluster.VerifyChunksAsync()).Chunks.Should().Be(2);
    }

    [Fact]
    public async Task ManyClients_OneChunk_AreLinearizable()
    {
        var writes = new ConcurrentBag<(uint Version, byte[] Value, long Begin, long End)>();
        var reads = new ConcurrentBag<(uint Version, byte[] Value, long Begin, long End)>();
        var clock = 0L;
        var clients = new List<RawClient>();
        for (var i = 0; i < 8; i++)
        {
            clients.Add(await RawClient.ConnectAsync(_fs.Cluster));
        }
        await clients[0].WriteAsync(_chain, s_chunk, 0, new byte[16]);
        writes.Add((1, new byte[16], 0, 0));

        await Task.WhenAll(
            clients.Select(
                (client, index) =>
                    Task.Run(async () =>
                    {
                        for (var i = 0; i < 150; i++)
                        {
                            var begin = Interlocked.Increment(ref clock);
                            if ((index + i) % 2 == 0)
                            {
                                var value = Guid.NewGuid().ToByteArray();
                                var result = await client.WriteAsync(_chain, s_chunk, 0, value);
                                var end = Interlocked.Increment(ref clock);
                                writes.Add((result.CommitVer, value, begin, end));
                            }
                            else
                            {
                                var (result, data) = await client.ReadAsync(_chain, s_chunk, 0, 16);
                                var end = Interlocked.Increment(ref clock);
                                reads.Add((result.CommitVer, data, begin, end));
                            }
                        }
                    })
            )
        );
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        // Versions order the writes totally; every read shows the value of its version, and no operation
        // that began after another had ended shows an older version.
        var values = writes.ToDictionary(w => w.Version, w => w.Value);
        reads.All(r => r.Value.AsSpan().SequenceEqual(values[r.Version])).Should().BeTrue();
        var newestEnded = 0u;
        var ends = writes.Concat(reads).OrderBy(o => o.End).ToArray();
        var next = 0;
        foreach (var operation in writes.Concat(reads).OrderBy(o => o.Begin))
        {
            while (next < ends.Length && ends[next].End < operation.Begin)
            {
                newestEnded = Math.Max(newestEnded, ends[next++].Version);
            }
            operation.Version.Should().BeGreaterThanOrEqualTo(newestEnded);
        }
    }

    private async Task<RemoveChunksResult> RemoveAsync(MessageTag tag)
    {
        var response = await _fs.Client.StorageAsync<RemoveChunksReq, RemoveChunksRsp>(
            _chain,
            StorageMethod.RemoveChunks,
            new RemoveChunksReq
            {
                Payloads =
                [
                    new RemoveChunksOp
                    {
                        VChainId = _fs.Client.Chain(_chain),
                        ChunkIdRange = new ChunkIdRange
                        {
                            Begin = new ChunkId(0x7777_0000, 0, 0),
                            End = ChunkId.EndOfFile(0x7777_0000),
                            MaxNumChunkIdsToProcess = 3,
                        },
                        Tag = tag,
                    },
                ],
            }
        );
        return response.Value.Results[0];
    }
}
