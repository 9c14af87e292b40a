// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

/// <summary>
/// A client repeats an update after the node that had done it was restarted, because it has no answer. Others have
/// written and read in between: doing it again would take back what they have seen.
/// </summary>
public sealed class UpdateRestartTests : IAsyncLifetime
{
    private const ulong Inode = 0x7777_0000;
    private static readonly ChunkId s_chunk = new(Inode, 0, 0);

    private MetaFixture _fs = null!;
    private RawClient _other = null!;
    private uint _chain;

    public async ValueTask InitializeAsync()
    {
        _fs = await MetaFixture.StartAsync();
        _other = await RawClient.ConnectAsync(_fs.Cluster);
        _chain = _fs.Client.Routing.Chains.Keys.Min();
    }

    public async ValueTask DisposeAsync()
    {
        await _other.DisposeAsync();
        await _fs.DisposeAsync();
    }

    [Fact]
    public async Task Write_RepeatedAfterRestart_IsAnsweredAndNotAppliedAgain()
    {
        var tag = _fs.Client.Tag(5);
        var first = await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(1), tag: tag);
        await RestartAsync();
        await _other.WriteAsync(_chain, s_chunk, 0, Filled(2));

        var again = await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(1), tag: tag);

        again.LengthInfo.Value.Should().Be(10);
        again.CommitVer.Should().Be(first.CommitVer).And.Be(1);
        again.Checksum.Value.Should().Be(first.Checksum.Value);
        var (read, data) = await _other.ReadAsync(_chain, s_chunk, 0, 10);
        data.Should().Equal(Filled(2));
        read.CommitVer.Should().Be(2);
    }

    [Fact]
    public async Task Write_LowerSequenceNumberAfterRestart_IsADuplicate()
    {
        var old = _fs.Client.Tag(5);
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(1), channel: 5);
        await RestartAsync();

        var late = await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(2), tag: old);

        late.LengthInfo.Status.Code.Should().Be(StatusCode.StorageClientDuplicateUpdate);
    }

    [Fact]
    public async Task Write_NextOnTheChannelAfterRestart_IsApplied()
    {
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(1), channel: 5);
        await RestartAsync();

        var next = await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(2), channel: 5);

        next.CommitVer.Should().Be(2);
    }

    [Fact]
    public async Task Write_NotUsedForAnHour_IsForgotten()
    {
        var tag = _fs.Client.Tag(5);
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(1), tag: tag);
        foreach (var node in new uint[] { 1, 100, 10001, 10002 })
        {
            _fs.Cluster.Options.Faults.ClockOf(node).Skew(TimeSpan.FromMinutes(61));
        }
        await RestartAsync();

        var again = await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(1), tag: tag);

        again.CommitVer.Should().Be(2);
    }

    [Fact]
    public async Task Truncate_RepeatedAfterRestart_LeavesLaterWrites()
    {
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, Filled(1));
        var tag = _fs.Client.Tag(6);
        var first = await TruncateAsync(tag);
        await RestartAsync();
        await _other.WriteAsync(_chain, s_chunk, 0, Filled(2));

        var again = await TruncateAsync(tag);

        (first.LengthInfo.Value, again.LengthInfo.Value).Should().Be((3u, 3u));
        again.CommitVer.Should().Be(first.CommitVer);
        var (_, data) = await _other.ReadAsync(_chain, s_chunk, 0, 10);
        data.Should().Equal(Filled(2));
    }

    [Theory]
    [InlineData(0u, 3u, false)]
    [InlineData(2u, 2u, true)]
    public async Task Remove_RepeatedAfterRestart_LeavesChunksMadeSince(
        uint limit,
        uint removed,
        bool more
    )
    {
        for (var i = 0u; i < 3; i++)
        {
            await _fs.Client.WriteAsync(_chain, new ChunkId(Inode, 0, i), 0, Filled(1));
        }
        var tag = _fs.Client.Tag(7);
        var first = await RemoveAsync(tag, limit);
        await RestartAsync();
        await _other.WriteAsync(_chain, new ChunkId(Inode, 0, 2), 0, Filled(2));

        var again = await RemoveAsync(tag, limit);

        (first.NumChunksRemoved, first.MoreChunksInRange).Should().Be((removed, more));
        (again.NumChunksRemoved, again.MoreChunksInRange).Should().Be((removed, more));
        var (_, data) = await _other.ReadAsync(_chain, new ChunkId(Inode, 0, 2), 0, 10);
        data.Should().Equal(Filled(2));
        var next = await RemoveAsync(
            tag with
            {
                RequestId = 1_000_000,
                Channel = tag.Channel with { Seqnum = tag.Channel.Seqnum + removed },
            },
            0
        );
        next.NumChunksRemoved.Should().Be(more ? 2u : 1u);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Remove_OfNothingRepeatedAfterRestart_LeavesChunksMadeSince(bool single)
    {
        var tag = _fs.Client.Tag(7);
        var first = await RemoveNothingAsync();
        await RestartAsync();
        await _other.WriteAsync(_chain, s_chunk, 0, Filled(2));

        var again = await RemoveNothingAsync();

        (first, again).Should().Be((StatusCode.Ok, StatusCode.Ok));
        var (_, data) = await _other.ReadAsync(_chain, s_chunk, 0, 10);
        data.Should().Equal(Filled(2));

        async Task<StatusCode> RemoveNothingAsync()
        {
            if (!single)
            {
                return (await RemoveAsync(tag, 0)).StatusCode.Status.Code;
            }
            var response = await _fs.Client.StorageAsync<UpdateReq, UpdateRsp>(
                _chain,
                StorageMethod.Update,
                new UpdateReq
                {
                    Payload = new UpdateIO
                    {
                        UpdateType = UpdateType.Remove,
                        Key = new GlobalKey
                        {
                            VChainId = _fs.Client.Chain(_chain),
                            ChunkId = s_chunk,
                        },
                    },
                    Tag = tag,
                    Options = new UpdateOptions { FromClient = true },
                }
            );
            return response.Value.Result.LengthInfo.Status.Code;
        }
    }

    [Fact]
    public async Task Remove_FailedInTheMiddleAndRepeated_GoesOnBelowWhatItRemoved()
    {
        for (var i = 0u; i < 3; i++)
        {
            await _fs.Client.WriteAsync(_chain, new ChunkId(Inode, 0, i), 0, Filled(1));
        }
        var index = _fs.Cluster.Hosts[0].Node!.Index;
        var tag = _fs.Client.Tag(7);
        var commits = 0;
        index.BeforeWrite = () =>
        {
            if (Interlocked.Increment(ref commits) == 3)
            {
                throw new IOException("Input/output error (injected)");
            }
        };

        var failed = await RemoveAsync(tag, 0);
        index.BeforeWrite = null;
        await _other.WriteAsync(_chain, new ChunkId(Inode, 0, 2), 0, Filled(2));
        var again = await RemoveAsync(tag, 0);

        failed.StatusCode.HasValue.Should().BeFalse();
        again.NumChunksRemoved.Should().Be(3, "two were removed before and one now");
        var (kept, _) = await _other.ReadAsync(_chain, new ChunkId(Inode, 0, 2), 0, 10);
        kept.LengthInfo.HasValue.Should().BeTrue("it was made after this request had removed it");
        var (gone, _) = await _other.ReadAsync(_chain, s_chunk, 0, 10);
        gone.LengthInfo.Status.Code.Should().Be(StatusCode.StorageChunkMetadataNotFound);
    }

    private static byte[] Filled(byte value) => [.. Enumerable.Repeat(value, 10)];

    private async Task RestartAsync()
    {
        await _fs.Cluster.StopNodeAsync(0);
        await _fs.Cluster.StartNodeAsync(0);
        await _fs.Client.RefreshAsync();
        await _other.RefreshAsync();
    }

    private async Task<IOResult> TruncateAsync(MessageTag tag)
    {
        var response = await _fs.Client.StorageAsync<TruncateChunksReq, TruncateChunksRsp>(
            _chain,
            StorageMethod.TruncateChunks,
            new TruncateChunksReq
            {
                Payloads =
                [
                    new TruncateChunkOp
                    {
                        VChainId = _fs.Client.Chain(_chain),
                        ChunkId = s_chunk,
                        ChunkLen = 3,
                        ChunkSize = 64 * 1024,
                        Tag = tag,
                    },
                ],
            }
        );
        return response.Value.Results[0];
    }

    private async Task<RemoveChunksResult> RemoveAsync(MessageTag tag, uint limit)
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
                            Begin = s_chunk,
                            End = ChunkId.EndOfFile(Inode),
                            MaxNumChunkIdsToProcess = limit,
                        },
                        Tag = tag,
                    },
                ],
            }
        );
        return response.Value.Results[0];
    }
}
