// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

/// <summary>Requests that a storage node refuses, and its methods for targets and queries.</summary>
public sealed class StorageMethodTests : IAsyncLifetime
{
    private const ulong Inode = 0x7777_0000;
    private static readonly ChunkId s_chunk = new(Inode, 0, 0);

    private MetaFixture _fs = null!;
    private uint _chain;
    private ulong _target;

    public async ValueTask InitializeAsync()
    {
        _fs = await MetaFixture.StartAsync();
        _chain = _fs.Client.Routing.Chains.Keys.Min();
        _target = _fs.Client.Routing.Chains[_chain].Targets[0].TargetId;
    }

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task Write_Refusals_HaveTheirCodes()
    {
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10]);

        (await WriteAsync(r => r.FeatureFlags = FeatureFlags.None))
            .Should()
            .Be(StatusCode.InvalidArg, "there is no other way for the data");
        (await WriteAsync(r => r.Payload.Length = 11))
            .Should()
            .Be(StatusCode.StorageClientFoundBug, "data and length differ");
        (await WriteAsync(r => r.Payload.Offset = 65_530))
            .Should()
            .Be(StatusCode.InvalidArg, "beyond the chunk");
        (await WriteAsync(r => r.Payload.Offset = uint.MaxValue))
            .Should()
            .Be(StatusCode.InvalidArg, "beyond what fits into a number");
        (await WriteAsync(r => r.Payload.ChunkSize = 128 * 1024))
            .Should()
            .Be(StatusCode.StorageChunkSizeMismatch);
        (await WriteAsync(r => r.Payload.ChunkSize = 1000))
            .Should()
            .Be(StatusCode.StorageChunkInvalidChunkSize);
        (await WriteAsync(r => r.Payload.Checksum.Value ^= 1))
            .Should()
            .Be(StatusCode.StorageChecksumMismatch);
        (await WriteAsync(r => r.Payload.Key.VChainId.ChainVer++))
            .Should()
            .Be(StatusCode.StorageClientRoutingVersionMismatch);
        (await WriteAsync(r => r.Payload.Key.VChainId.ChainId = 4711))
            .Should()
            .Be(StatusCode.StorageClientRoutingError);
        (await WriteAsync(r => r.Payload.UpdateType = UpdateType.Commit))
            .Should()
            .Be(StatusCode.InvalidArg);
        (await WriteAsync(_ => { })).Should().Be(StatusCode.Ok);
        var (read, _) = await _fs.Client.ReadAsync(_chain, s_chunk, 0, 10);
        read.CommitVer.Should().Be(2, "what was refused made no version");
    }

    [Fact]
    public async Task BatchRead_GoodAndBad_AnswersEachAndRefusesTheWholeOnlyForItsForm()
    {
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[] { 1, 2, 3, 4, 5 });
        var missing = new ChunkId(Inode, 0, 9);

        var mixed = await ReadAsync(r =>
            r.Payloads = [
                Read(missing, 0, 10),
                Read(s_chunk, 3, 10),
                Read(s_chunk, 0, 2),
                Read(s_chunk, 99, 10),
                Read(s_chunk, 0, 0),
            ]
        );
        var old = Read(s_chunk, 0, 10);
        old.Key.VChainId.ChainVer++;
        var stale = await ReadAsync(r => r.Payloads = [old]);
        var narrow = Read(s_chunk, 0, 10);
        narrow.Rdmabuf.Size = 9;
        var small = await ReadAsync(r => r.Payloads = [narrow]);
        var rdma = await ReadAsync(r => r.FeatureFlags = FeatureFlags.None);
        var none = await ReadAsync(r => r.Payloads.Clear());

        mixed
            .Value.Results.Select(r =>
                r.LengthInfo.HasValue ? $"{r.LengthInfo.Value}" : $"{r.LengthInfo.Status.Code}"
            )
            .Should()
            .Equal($"{StatusCode.StorageChunkMetadataNotFound}", "2", "2", "0", "0");
        mixed.Value.Inlinebuf.Data.ToArray().Should().Equal(4, 5, 1, 2);
        stale.Status.Code.Should().Be(StatusCode.StorageClientRoutingVersionMismatch);
        small.Status.Code.Should().Be(StatusCode.InvalidArg);
        rdma.Status.Code.Should().Be(StatusCode.InvalidArg);
        none.Value.Results.Should().BeEmpty();
    }

    [Fact]
    public async Task QueryLastChunk_Ranges_AreOpenAtTheEndAndCountWithinTheLimit()
    {
        foreach (var index in new uint[] { 0, 2, 7 })
        {
            await _fs.Client.WriteAsync(
                _chain,
                new ChunkId(Inode, 0, index),
                0,
                new byte[10 + index]
            );
        }

        var all = await QueryAsync(0, 100, 0);
        var before = await QueryAsync(0, 7, 0);
        var limited = await QueryAsync(0, 100, 2);
        var empty = await QueryAsync(3, 7, 0);

        (all.LastChunkId, all.LastChunkLen).Should().Be((new ChunkId(Inode, 0, 7), 17u));
        (all.TotalNumChunks, all.TotalChunkLen, all.MoreChunksInRange)
            .Should()
            .Be((3ul, 39ul, false));
        before.LastChunkId.Should().Be(new ChunkId(Inode, 0, 2));
        (limited.TotalNumChunks, limited.MoreChunksInRange).Should().Be((2ul, true));
        (empty.TotalNumChunks, empty.MoreChunksInRange).Should().Be((0ul, false));
    }

    [Fact]
    public async Task Remove_WithoutChannel_MayBeRepeated()
    {
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10]);

        var first = await RemoveAsync();
        var again = await RemoveAsync();

        (first.NumChunksRemoved, again.NumChunksRemoved).Should().Be((1u, 0u));
        again.StatusCode.HasValue.Should().BeTrue();
    }

    [Fact]
    public async Task Targets_CreateOfflineRemove_AreChecked()
    {
        var twice = await CallAsync<CreateTargetReq, CreateTargetRsp>(
            StorageMethod.CreateTarget,
            new() { TargetId = _target, AllowExistingTarget = false }
        );
        var again = await CallAsync<CreateTargetReq, CreateTargetRsp>(
            StorageMethod.CreateTarget,
            new() { TargetId = _target }
        );
        var size = await CallAsync<CreateTargetReq, CreateTargetRsp>(
            StorageMethod.CreateTarget,
            new() { TargetId = 1, ChunkSizeList = [3 << 20] }
        );
        var large = await CallAsync<CreateTargetReq, CreateTargetRsp>(
            StorageMethod.CreateTarget,
            new() { TargetId = 1, ChunkSizeList = [128ul << 20] }
        );
        var files = await CallAsync<CreateTargetReq, CreateTargetRsp>(
            StorageMethod.CreateTarget,
            new() { TargetId = 1, PhysicalFileCount = 257 }
        );
        var needed = await OfflineAsync(_target, false);
        var unknown = await OfflineAsync(4711, true);
        var online = await RemoveTargetAsync(_target, false);
        var forced = await OfflineAsync(_target, true);
        var write = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10]);
        var removed = await RemoveTargetAsync(_target, false);
        var gone = await RemoveTargetAsync(_target, true);

        twice.Status.Code.Should().Be(StatusCode.StorageInitFailed);
        again.HasValue.Should().BeTrue();
        size.Status.Code.Should().Be(StatusCode.StorageChunkInvalidChunkSize);
        large.Status.Code.Should().Be(StatusCode.StorageChunkInvalidChunkSize);
        files.Status.Code.Should().Be(StatusCode.InvalidArg);
        needed.Should().Be(StatusCode.StorageTargetStateInvalid, "it is the last one");
        unknown.Should().Be(StatusCode.StorageClientRoutingError);
        online.Should().Be(StatusCode.StorageTargetStateInvalid);
        forced.Should().Be(StatusCode.Ok);
        write
            .LengthInfo.Status.Code.Should()
            .BeOneOf(
                StatusCode.StorageTargetOffline,
                StatusCode.StorageClientRoutingVersionMismatch
            );
        removed.Should().Be(StatusCode.Ok);
        gone.Should().Be(StatusCode.StorageClientRoutingError);
    }

    [Fact]
    public async Task Remove_WithTheTagOfAWrite_IsABug()
    {
        var tag = _fs.Client.Tag(5);
        await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10], tag: tag);

        var remove = await CallAsync<RemoveChunksReq, RemoveChunksRsp>(
            StorageMethod.RemoveChunks,
            new()
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
                        },
                        Tag = tag,
                    },
                ],
            }
        );

        remove
            .Value.Results[0]
            .StatusCode.Status.Code.Should()
            .Be(StatusCode.StorageClientFoundBug);
        (await _fs.Client.ReadAsync(_chain, s_chunk, 0, 10)).Data.Should().HaveCount(10);
    }

    [Fact]
    public async Task Write_ChainWithAReplicaBehind_IsNotAcknowledged()
    {
        const uint Chain = 77;
        var other = _fs.Client.Routing.Chains.Keys.First(c => NodeOf(c) != NodeOf(_chain));
        foreach (var (target, chain) in new[] { (501ul, _chain), (502ul, other) })
        {
            var create = await _fs.Client.StorageAsync<CreateTargetReq, CreateTargetRsp>(
                chain,
                StorageMethod.CreateTarget,
                new()
                {
                    TargetId = target,
                    ChainId = Chain,
                    ChunkSizeList = [64 * 1024],
                }
            );
            create.HasValue.Should().BeTrue();
        }
        var set = await _fs.Client.MgmtdAsync<SetChainsReq, SetChainsRsp>(
            MgmtdMethod.SetChains,
            new()
            {
                ClusterId = _fs.Cluster.ClusterId,
                Chains =
                [
                    new ChainSetting
                    {
                        ChainId = Chain,
                        Targets = [new() { TargetId = 501 }, new() { TargetId = 502 }],
                    },
                ],
            }
        );
        set.HasValue.Should().BeTrue();
        await UntilAsync(() =>
            _fs.Client.Routing.Targets.TryGetValue(501, out var target) && target.NodeId is not null
        );

        var write = await _fs.Client.WriteAsync(Chain, s_chunk, 0, new byte[10]);
        var read = await _fs.Client.ReadAsync(Chain, s_chunk, 0, 10);

        write.LengthInfo.Status.Code.Should().Be(StatusCode.NotImplemented);
        write.LengthInfo.Status.Message.Should().Contain("502").And.Contain("replication");
        read.Result.LengthInfo.Status.Code.Should().Be(StatusCode.StorageChunkMetadataNotFound);
    }

    private uint? NodeOf(uint chain) =>
        _fs.Client.Routing.Targets[_fs.Client.Routing.Chains[chain].Targets[0].TargetId].NodeId;

    private async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            i.Should().BeLessThan(1200);
            await Task.Delay(50);
            await _fs.Client.RefreshAsync();
        }
    }

    [Fact]
    public async Task Queries_OfChunksAndSpace_TellWhatIsThere()
    {
        var written = await _fs.Client.WriteAsync(_chain, s_chunk, 0, new byte[10]);

        var chunk = await CallAsync<QueryChunkReq, QueryChunkRsp>(
            StorageMethod.QueryChunk,
            new() { ChainId = _chain, ChunkId = s_chunk }
        );
        var missing = await CallAsync<QueryChunkReq, QueryChunkRsp>(
            StorageMethod.QueryChunk,
            new() { ChainId = _chain, ChunkId = new ChunkId(Inode, 0, 9) }
        );
        var all = await CallAsync<GetAllChunkMetadataReq, GetAllChunkMetadataRsp>(
            StorageMethod.GetAllChunkMetadata,
            new() { TargetId = _target }
        );
        var space = await CallAsync<SpaceInfoReq, SpaceInfoRsp>(
            StorageMethod.SpaceInfo,
            new() { Force = true }
        );
        var sync = await CallAsync<SyncStartReq, TargetSyncInfo>(
            StorageMethod.SyncStart,
            new() { VChainId = _fs.Client.Chain(_chain) }
        );

        (chunk.Value.Meta.Value.Size, chunk.Value.Meta.Value.ChecksumValue)
            .Should()
            .Be((10u, written.Checksum.Value));
        (chunk.Value.Target.IsHead, chunk.Value.Target.IsTail).Should().Be((true, true));
        missing.Value.Meta.Status.Code.Should().Be(StatusCode.StorageChunkMetadataNotFound);
        all.Value.ChunkMetaVec.Should().ContainSingle(m => m.Length == 10 && m.CommitVer == 1);
        space.Value.SpaceInfos.Should().ContainSingle(s => s.TargetIds.Contains(_target));
        sync.Status.Code.Should().Be(StatusCode.NotImplemented, "there is nobody to recover");
    }

    private ReadIO Read(ChunkId chunk, uint offset, uint length) =>
        new()
        {
            Offset = offset,
            Length = length,
            Key = new GlobalKey { VChainId = _fs.Client.Chain(_chain), ChunkId = chunk },
            Rdmabuf = new RdmaRemoteBuf { Size = length },
        };

    private async Task<StatusCode> WriteAsync(Action<WriteReq> change)
    {
        var data = new byte[10];
        var request = new WriteReq
        {
            Payload = new UpdateIO
            {
                Length = 10,
                ChunkSize = 64 * 1024,
                Key = new GlobalKey { VChainId = _fs.Client.Chain(_chain), ChunkId = s_chunk },
                UpdateType = UpdateType.Write,
                Checksum = new ChecksumInfo
                {
                    Type = ChecksumType.Crc32c,
                    Value = Crc32C.ChunkChecksum(data),
                },
                Inlinebuf = new UInt8Vector { Data = new InlineData(data) },
            },
            Tag = _fs.Client.Tag(3),
            FeatureFlags = FeatureFlags.SendDataInline,
        };
        change(request);
        var response = await CallAsync<WriteReq, WriteRsp>(StorageMethod.Write, request);
        return response.HasValue
            ? response.Value.Result.LengthInfo.Status.Code
            : response.Status.Code;
    }

    private Task<Result<BatchReadRsp>> ReadAsync(Action<BatchReadReq> change)
    {
        var request = new BatchReadReq
        {
            Payloads = [Read(s_chunk, 0, 10)],
            Tag = _fs.Client.Tag(0),
            FeatureFlags = FeatureFlags.SendDataInline,
        };
        change(request);
        return CallAsync<BatchReadReq, BatchReadRsp>(StorageMethod.BatchRead, request);
    }

    private async Task<QueryLastChunkResult> QueryAsync(uint begin, uint end, uint limit) => (
            await CallAsync<QueryLastChunkReq, QueryLastChunkRsp>(
                StorageMethod.QueryLastChunk,
                new()
                {
                    Payloads =
                    [
                        new QueryLastChunkOp
                        {
                            VChainId = _fs.Client.Chain(_chain),
                            ChunkIdRange = new ChunkIdRange
                            {
                                Begin = new ChunkId(Inode, 0, begin),
                                End = new ChunkId(Inode, 0, end),
                                MaxNumChunkIdsToProcess = limit,
                            },
                        },
                    ],
                }
            )
        ).Value.Results[0];

    private async Task<RemoveChunksResult> RemoveAsync() => (
            await CallAsync<RemoveChunksReq, RemoveChunksRsp>(
                StorageMethod.RemoveChunks,
                new()
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
                            },
                            Tag = _fs.Client.Tag(0),
                        },
                    ],
                }
            )
        ).Value.Results[0];

    private async Task<StatusCode> OfflineAsync(ulong target, bool force) =>
        (
            await CallAsync<OfflineTargetReq, OfflineTargetRsp>(
                StorageMethod.OfflineTarget,
                new() { TargetId = target, Force = force }
            )
        )
            .Status
            .Code;

    private async Task<StatusCode> RemoveTargetAsync(ulong target, bool force) =>
        (
            await CallAsync<RemoveTargetReq, RemoveTargetRsp>(
                StorageMethod.RemoveTarget,
                new() { TargetId = target, Force = force }
            )
        )
            .Status
            .Code;

    private async Task<Result<TRsp>> CallAsync<TReq, TRsp>(ushort method, TReq request)
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        await _fs.Client.StorageAsync<TReq, TRsp>(_chain, method, request);
}
