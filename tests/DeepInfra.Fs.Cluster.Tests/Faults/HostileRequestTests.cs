// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>
/// Well-formed requests without sense, to every method. Each is answered with a code that somebody thought of, and
/// what they leave behind can be read and started from.
/// </summary>
public sealed class HostileRequestTests
{
    private const int Rounds = 60;

    private readonly List<string> _surprises = [];
    private MetaFixture _fs = null!;
    private Random _random = null!;
    private ulong[] _numbers = [];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task AnyMethod_RandomRequests_AreAnsweredAndLeaveASoundCluster(int seed)
    {
        using var temp = new TempDirectory();
        _random = new Random(seed);
        await using (_fs = await MetaFixture.StartAsync(o => o with { DataDirectory = temp["c"] }))
        {
            var file = await _fs.CreateAsync("/f");
            var directory = await _fs.MakeDirectoryAsync("/d");
            var chain = _fs.Client.Routing.Chains.Keys.Min();
            var target = _fs.Client.Routing.Chains[chain].Targets[0].TargetId;
            _numbers = [file.Id, directory.Id, chain, target, 64 * 1024, 100, 0x1FF, 4];
            for (var i = 0; i < Rounds; i++)
            {
                await StorageRoundAsync(chain);
                await MetaRoundAsync();
                // Only now and then the storage node is among the ids: it would be disabled most of the time.
                _numbers[0] = i % 10 == 9 ? 10_001u : file.Id;
                await ManagerRoundAsync();
                _numbers[0] = file.Id;
            }
            _surprises.Should().BeEmpty();
            var verified = await _fs.Cluster.VerifyChunksAsync();
            verified.Damaged.Should().BeEmpty();
        }

        var options = TestCluster.Options(temp["c"]) with { VerifyChunksOnStart = true };
        await using var again = await ThreeFsCluster.StartAsync(options);
    }

    private async Task StorageRoundAsync(uint chain)
    {
        await Call<BatchReadReq, BatchReadRsp>(
            StorageMethod.BatchRead,
            r =>
            {
                r.FeatureFlags |= FeatureFlags.SendDataInline;
                r.Payloads = r.Payloads.ConvertAll(io =>
                {
                    io.Rdmabuf.Size = io.Length;
                    io.Key.VChainId = ChainOfNow(chain);
                    return io;
                });
            },
            r => r.Results.Select(x => x.LengthInfo.Status)
        );
        await Call<WriteReq, WriteRsp>(
            StorageMethod.Write,
            r =>
            {
                r.FeatureFlags |= FeatureFlags.SendDataInline;
                Aim(ref r.Payload, chain);
                r.Tag.Channel.Id |= 1;
            },
            r => [r.Result.LengthInfo.Status]
        );
        await Call<UpdateReq, UpdateRsp>(
            StorageMethod.Update,
            r =>
            {
                r.FeatureFlags |= FeatureFlags.SendDataInline;
                Aim(ref r.Payload, chain);
                r.Tag.Channel.Id |= 1;
            },
            r => [r.Result.LengthInfo.Status]
        );
        await Call<QueryLastChunkReq, QueryLastChunkRsp>(StorageMethod.QueryLastChunk);
        await Call<TruncateChunksReq, TruncateChunksRsp>(
            StorageMethod.TruncateChunks,
            r =>
                r.Payloads = r.Payloads.ConvertAll(op =>
                {
                    op.VChainId = ChainOfNow(chain);
                    op.ChunkSize = 64 * 1024;
                    op.Tag.Channel.Id |= 1;
                    return op;
                }),
            r => r.Results.Select(x => x.LengthInfo.Status)
        );
        await Call<RemoveChunksReq, RemoveChunksRsp>(
            StorageMethod.RemoveChunks,
            r =>
                r.Payloads = r.Payloads.ConvertAll(op =>
                {
                    op.VChainId = ChainOfNow(chain);
                    return op;
                }),
            r => r.Results.Select(x => x.StatusCode.Status)
        );
        await Call<SyncStartReq, TargetSyncInfo>(StorageMethod.SyncStart);
        await Call<SyncDoneReq, SyncDoneRsp>(StorageMethod.SyncDone);
        await Call<SpaceInfoReq, SpaceInfoRsp>(StorageMethod.SpaceInfo);
        await Call<CreateTargetReq, CreateTargetRsp>(StorageMethod.CreateTarget);
        await Call<QueryChunkReq, QueryChunkRsp>(StorageMethod.QueryChunk);
        await Call<GetAllChunkMetadataReq, GetAllChunkMetadataRsp>(
            StorageMethod.GetAllChunkMetadata
        );
        await Call<RemoveTargetReq, RemoveTargetRsp>(StorageMethod.RemoveTarget);

        async Task Call<TReq, TRsp>(
            ushort method,
            Action<TReq>? aim = null,
            Func<TRsp, IEnumerable<Status>>? parts = null
        )
            where TReq : ISerdeStruct<TReq>, new()
            where TRsp : ISerdeStruct<TRsp>, new()
        {
            var request = RandomMessage.Next<TReq>(_random, _numbers);
            if (_random.Next(4) > 0)
            {
                aim?.Invoke(request);
            }
            var result = await _fs.Client.StorageAsync<TReq, TRsp>(chain, method, request);
            Note(result.Status, request);
            if (result.HasValue && parts is not null)
            {
                foreach (var part in parts(result.Value))
                {
                    Note(part, request);
                }
            }
        }
    }

    // Not from the routing information: strangers have reported as nodes there.
    private VersionedChainId ChainOfNow(uint chain) =>
        new()
        {
            ChainId = chain,
            ChainVer = _fs.Cluster.Manager.Routing.Current.Chains[chain].ChainVersion,
        };

    /// <summary>An update that comes further than to the first check.</summary>
    private void Aim(ref UpdateIO io, uint chain)
    {
        io.Length = (uint)io.Inlinebuf.Data.Length;
        io.Offset %= 64 * 1024;
        io.ChunkSize = 64 * 1024;
        io.Key.VChainId = ChainOfNow(chain);
        io.UpdateVer = 0;
        io.UpdateType = (UpdateType)(1 << _random.Next(5));
        io.Checksum = default;
    }

    private async Task MetaRoundAsync()
    {
        await Call<StatFsReq, StatFsRsp>(MetaMethod.StatFs);
        await Call<StatReq, StatRsp>(MetaMethod.Stat);
        await Call<CreateReq, CreateRsp>(MetaMethod.Create);
        await Call<MkdirsReq, MkdirsRsp>(MetaMethod.Mkdirs);
        await Call<SymlinkReq, SymlinkRsp>(MetaMethod.Symlink);
        await Call<HardLinkReq, HardLinkRsp>(MetaMethod.HardLink);
        await Call<RemoveReq, RemoveRsp>(MetaMethod.Remove);
        await Call<OpenReq, OpenRsp>(MetaMethod.Open);
        await Call<SyncReq, SyncRsp>(MetaMethod.Sync);
        await Call<CloseReq, CloseRsp>(MetaMethod.Close);
        await Call<RenameReq, RenameRsp>(MetaMethod.Rename);
        await Call<ListReq, ListRsp>(MetaMethod.List);
        await Call<TruncateReq, TruncateRsp>(MetaMethod.Truncate);
        await Call<GetRealPathReq, GetRealPathRsp>(MetaMethod.GetRealPath);
        await Call<SetAttrReq, SetAttrRsp>(MetaMethod.SetAttr);
        await Call<PruneSessionReq, PruneSessionRsp>(MetaMethod.PruneSession);
        await Call<LockDirectoryReq, LockDirectoryRsp>(MetaMethod.LockDirectory);
        await Call<BatchStatReq, BatchStatRsp>(MetaMethod.BatchStat);
        await Call<BatchStatByPathReq, BatchStatByPathRsp>(MetaMethod.BatchStatByPath);

        async Task Call<TReq, TRsp>(ushort method)
            where TReq : MetaRequest, ISerdeStruct<TReq>, new()
            where TRsp : ISerdeStruct<TRsp>, new()
        {
            var request = RandomMessage.Next<TReq>(_random, _numbers);
            var result = await _fs.Client.MetaAsync<TReq, TRsp>(method, request);
            Note(result.Status, request);
        }
    }

    private async Task ManagerRoundAsync()
    {
        await Call<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(MgmtdMethod.GetPrimaryMgmtd);
        await Call<HeartbeatReq, HeartbeatRsp>(
            MgmtdMethod.Heartbeat,
            r => r.Timestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000
        );
        await Call<RegisterNodeReq, RegisterNodeRsp>(MgmtdMethod.RegisterNode);
        await Call<UnregisterNodeReq, UnregisterNodeRsp>(MgmtdMethod.UnregisterNode);
        await Call<GetRoutingInfoReq, GetRoutingInfoRsp>(MgmtdMethod.GetRoutingInfo);
        await Call<SetConfigReq, SetConfigRsp>(MgmtdMethod.SetConfig);
        await Call<GetConfigReq, GetConfigRsp>(MgmtdMethod.GetConfig);
        await Call<SetChainTableReq, SetChainTableRsp>(MgmtdMethod.SetChainTable);
        await Call<SetChainsReq, SetChainsRsp>(MgmtdMethod.SetChains);
        await Call<ExtendClientSessionReq, ExtendClientSessionRsp>(MgmtdMethod.ExtendClientSession);
        await Call<SetNodeTagsReq, SetNodeTagsRsp>(MgmtdMethod.SetNodeTags);
        await Call<SetUniversalTagsReq, SetUniversalTagsRsp>(MgmtdMethod.SetUniversalTags);
        await Call<GetClientSessionReq, GetClientSessionRsp>(MgmtdMethod.GetClientSession);
        await Call<RotateLastSrvReq, RotateLastSrvRsp>(MgmtdMethod.RotateLastSrv);
        await Call<ListOrphanTargetsReq, ListOrphanTargetsRsp>(MgmtdMethod.ListOrphanTargets);
        await Call<SetPreferredTargetOrderReq, SetPreferredTargetOrderRsp>(
            MgmtdMethod.SetPreferredTargetOrder
        );
        await Call<RotateAsPreferredOrderReq, RotateAsPreferredOrderRsp>(
            MgmtdMethod.RotateAsPreferredOrder
        );
        await Call<UpdateChainReq, UpdateChainRsp>(MgmtdMethod.UpdateChain);
        await Call<DisableNodeReq, DisableNodeRsp>(MgmtdMethod.DisableNode);
        await Call<EnableNodeReq, EnableNodeRsp>(MgmtdMethod.EnableNode);

        async Task Call<TReq, TRsp>(ushort method, Action<TReq>? change = null)
            where TReq : class, IMgmtdRequest, ISerdeStruct<TReq>, new()
            where TRsp : ISerdeStruct<TRsp>, new()
        {
            var request = RandomMessage.Next<TReq>(_random, _numbers);
            request.Prepare(_fs.Cluster.ClusterId, new UserInfo());
            change?.Invoke(request);
            var result = await _fs.Client.MgmtdAsync<TReq, TRsp>(method, request);
            Note(result.Status, request);
        }
    }

    private void Note<TReq>(Status status, TReq request)
        where TReq : ISerdeStruct<TReq>, new()
    {
        // What no handler has thought of ends as unknown, what kills a connection or hangs in the transport.
        if (status.Code == StatusCode.Unknown || (int)status.Code / 1000 == 2)
        {
            var bytes = Convert.ToHexString(Serde.ToArray(request));
            _surprises.Add($"{TReq.WireName}: {status} {bytes[..Math.Min(bytes.Length, 400)]}");
        }
    }
}
