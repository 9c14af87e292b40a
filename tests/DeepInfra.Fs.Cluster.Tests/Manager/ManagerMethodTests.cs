// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Manager;

/// <summary>Every method of the manager with what it refuses.</summary>
public sealed class ManagerMethodTests : IAsyncLifetime
{
    private const uint Storage = 10001;

    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await MetaFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task EveryMethod_OtherClusterId_IsRefused()
    {
        var codes = new[]
        {
            await WrongAsync<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(MgmtdMethod.GetPrimaryMgmtd),
            await WrongAsync<HeartbeatReq, HeartbeatRsp>(MgmtdMethod.Heartbeat),
            await WrongAsync<RegisterNodeReq, RegisterNodeRsp>(MgmtdMethod.RegisterNode),
            await WrongAsync<GetRoutingInfoReq, GetRoutingInfoRsp>(MgmtdMethod.GetRoutingInfo),
            await WrongAsync<SetConfigReq, SetConfigRsp>(MgmtdMethod.SetConfig),
            await WrongAsync<GetConfigReq, GetConfigRsp>(MgmtdMethod.GetConfig),
            await WrongAsync<SetChainTableReq, SetChainTableRsp>(MgmtdMethod.SetChainTable),
            await WrongAsync<EnableNodeReq, EnableNodeRsp>(MgmtdMethod.EnableNode),
            await WrongAsync<DisableNodeReq, DisableNodeRsp>(MgmtdMethod.DisableNode),
            await WrongAsync<ExtendClientSessionReq, ExtendClientSessionRsp>(
                MgmtdMethod.ExtendClientSession
            ),
            await WrongAsync<ListClientSessionsReq, ListClientSessionsRsp>(
                MgmtdMethod.ListClientSessions
            ),
            await WrongAsync<SetNodeTagsReq, SetNodeTagsRsp>(MgmtdMethod.SetNodeTags),
            await WrongAsync<UnregisterNodeReq, UnregisterNodeRsp>(MgmtdMethod.UnregisterNode),
            await WrongAsync<SetChainsReq, SetChainsRsp>(MgmtdMethod.SetChains),
            await WrongAsync<SetUniversalTagsReq, SetUniversalTagsRsp>(
                MgmtdMethod.SetUniversalTags
            ),
            await WrongAsync<GetUniversalTagsReq, GetUniversalTagsRsp>(
                MgmtdMethod.GetUniversalTags
            ),
            await WrongAsync<GetConfigVersionsReq, GetConfigVersionsRsp>(
                MgmtdMethod.GetConfigVersions
            ),
            await WrongAsync<GetClientSessionReq, GetClientSessionRsp>(
                MgmtdMethod.GetClientSession
            ),
            await WrongAsync<RotateLastSrvReq, RotateLastSrvRsp>(MgmtdMethod.RotateLastSrv),
            await WrongAsync<ListOrphanTargetsReq, ListOrphanTargetsRsp>(
                MgmtdMethod.ListOrphanTargets
            ),
            await WrongAsync<SetPreferredTargetOrderReq, SetPreferredTargetOrderRsp>(
                MgmtdMethod.SetPreferredTargetOrder
            ),
            await WrongAsync<RotateAsPreferredOrderReq, RotateAsPreferredOrderRsp>(
                MgmtdMethod.RotateAsPreferredOrder
            ),
            await WrongAsync<UpdateChainReq, UpdateChainRsp>(MgmtdMethod.UpdateChain),
        };

        codes.Should().HaveCount(23).And.AllBeEquivalentTo(StatusCode.MgmtdClusterIdMismatch);
    }

    [Fact]
    public async Task Heartbeat_Refusals_SayWhy()
    {
        var first = await HeartbeatAsync(h => h.Info.HbVersion = 5);
        var stale = await HeartbeatAsync(h => h.Info.HbVersion = 5);
        var clock = await HeartbeatAsync(h => h.Timestamp -= 40_000_000);
        var ahead = await HeartbeatAsync(h => h.Timestamp += 40_000_000);
        var duplicate = await HeartbeatAsync(h => Targets(h).AddRange([Target(7), Target(7)]));
        var invalid = await HeartbeatAsync(h =>
            Targets(h).Add(Target(7, LocalTargetState.Invalid))
        );
        var type = await HeartbeatAsync(h => h.Info.Info = new MetaHeartbeatInfo());
        var self = await HeartbeatAsync(h => h.Info.App.NodeId = 1);
        var none = await HeartbeatAsync(h => h.Info.App.NodeId = 0);

        first.IsOk.Should().BeTrue();
        (stale.Code, stale.Message).Should().Be((StatusCode.MgmtdHeartbeatVersionStale, "5"));
        foreach (var refused in new[] { clock, ahead, duplicate, invalid, type, self, none })
        {
            refused.Code.Should().Be(StatusCode.MgmtdHeartbeatFail);
        }
        await _fs.Client.RefreshAsync();
        _fs.Client.Routing.Targets.Should().NotContainKey(7ul, "a refused report changes nothing");
    }

    [Fact]
    public async Task RoutingInfo_Versions_AnswerWhatIsNew()
    {
        var version = _fs.Client.Routing.RoutingInfoVersion;

        var full = await RoutingAsync(0);
        var same = await RoutingAsync(version);
        var older = await RoutingAsync(version - 1);
        var newer = await RoutingAsync(version + 1);

        full.Value.Info!.RoutingInfoVersion.Should().Be(version);
        same.Value.Info.Should().BeNull();
        older.Value.Info!.RoutingInfoVersion.Should().Be(version);
        newer.Status.Code.Should().Be(StatusCode.MgmtdInvalidRoutingInfoVersion);
    }

    [Fact]
    public async Task ClientSession_VersionsAndIdentity_AreChecked()
    {
        var first = await ExtendAsync(3, "one");
        var stale = await ExtendAsync(2, "one");
        var other = await ExtendAsync(4, "two");
        var next = await ExtendAsync(4, "one");
        var found = await CallAsync<GetClientSessionReq, GetClientSessionRsp>(
            MgmtdMethod.GetClientSession,
            new() { ClientId = "c" }
        );
        var missing = await CallAsync<GetClientSessionReq, GetClientSessionRsp>(
            MgmtdMethod.GetClientSession,
            new() { ClientId = "d" }
        );
        var nobody = await CallAsync<ExtendClientSessionReq, ExtendClientSessionRsp>(
            MgmtdMethod.ExtendClientSession,
            new()
        );

        first.IsOk.Should().BeTrue();
        (stale.Code, stale.Message).Should().Be((StatusCode.MgmtdClientSessionVersionStale, "3"));
        other.Code.Should().Be(StatusCode.MgmtdExtendClientSessionMismatch);
        next.IsOk.Should().BeTrue();
        found.Value.Session!.Description.Should().Be("one");
        missing.Value.Session.Should().BeNull();
        nobody.Status.Code.Should().Be(StatusCode.InvalidArg);
    }

    [Fact]
    public async Task Config_Versions_AreKeptAndHandedOut()
    {
        var one = await SetConfigAsync(NodeType.Storage, "a = 1");
        var two = await SetConfigAsync(NodeType.Storage, "a = 2");
        var other = await SetConfigAsync(NodeType.Meta, "b = 1");
        var unknown = await SetConfigAsync((NodeType)77, "x");

        (one.Value.ConfigVersion, two.Value.ConfigVersion, other.Value.ConfigVersion)
            .Should()
            .Be((1ul, 2ul, 1ul));
        unknown.Status.Code.Should().Be(StatusCode.InvalidArg);
        (await ConfigAsync(1, exact: true)).Value.Info!.Content.Should().Be("a = 1");
        (await ConfigAsync(0, exact: false)).Value.Info!.Content.Should().Be("a = 2");
        (await ConfigAsync(9, exact: true)).Value.Info.Should().BeNull();
        (await ConfigAsync(9, exact: false))
            .Status.Code.Should()
            .Be(StatusCode.MgmtdInvalidConfigVersion);
        var versions = await CallAsync<GetConfigVersionsReq, GetConfigVersionsRsp>(
            MgmtdMethod.GetConfigVersions,
            new()
        );
        versions.Value.Versions.Values.Should().Contain([1ul, 2ul]);
        var report = NewHeartbeat();
        var answer = await CallAsync<HeartbeatReq, HeartbeatRsp>(MgmtdMethod.Heartbeat, report);
        answer.Value.Config!.Content.Should().Be("a = 2", "the report named version 0");
    }

    [Fact]
    public async Task Tags_OfNodesAndClients_ChangeByMode()
    {
        var set = await TagAsync(SetTagMode.Replace, ("b", "1"), ("a", "2"));
        var more = await TagAsync(SetTagMode.Upsert, ("b", "3"), ("c", "4"));
        var less = await TagAsync(SetTagMode.Remove, ("a", ""), ("none", ""));
        var bad = await TagAsync(SetTagMode.Upsert, ("", "1"));
        var mode = await TagAsync((SetTagMode)9, ("x", "1"));
        var missing = await CallAsync<SetNodeTagsReq, SetNodeTagsRsp>(
            MgmtdMethod.SetNodeTags,
            new() { NodeId = 4711 }
        );
        var universal = await CallAsync<SetUniversalTagsReq, SetUniversalTagsRsp>(
            MgmtdMethod.SetUniversalTags,
            new() { UniversalId = "u", Tags = [new TagPair { Key = "k", Value = "v" }] }
        );
        var read = await CallAsync<GetUniversalTagsReq, GetUniversalTagsRsp>(
            MgmtdMethod.GetUniversalTags,
            new() { UniversalId = "u" }
        );

        Text(set).Should().Be("a=2 b=1");
        Text(more).Should().Be("a=2 b=3 c=4");
        Text(less).Should().Be("b=3 c=4");
        bad.Status.Code.Should().Be(StatusCode.MgmtdInvalidTag);
        mode.Status.Code.Should().Be(StatusCode.InvalidArg);
        missing.Status.Code.Should().Be(StatusCode.MgmtdNodeNotFound);
        universal.Value.Tags.Should().HaveCount(1);
        read.Value.Tags.Should().ContainSingle(t => t.Key == "k" && t.Value == "v");
    }

    [Fact]
    public async Task Nodes_RegisterAndUnregister_AreChecked()
    {
        (await RegisterAsync(500)).Should().Be(StatusCode.Ok);
        (await RegisterAsync(500)).Should().Be(StatusCode.MgmtdRegisterFail);
        (await RegisterAsync(0)).Should().Be(StatusCode.MgmtdRegisterFail);
        (await UnregisterAsync(Storage)).Should().Be(StatusCode.InvalidArg, "it serves");
        (await UnregisterAsync(500)).Should().Be(StatusCode.Ok);
        (await UnregisterAsync(500)).Should().Be(StatusCode.MgmtdNodeNotFound);
        var primary = await CallAsync<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(
            MgmtdMethod.GetPrimaryMgmtd,
            new()
        );
        primary.Value.Primary!.NodeId.Should().Be(1);
    }

    [Fact]
    public async Task DisabledNode_Chains_StopUntilItIsEnabled()
    {
        var chain = _fs.Client.Routing.Chains.Values.First(c =>
            _fs.Client.Routing.Targets[c.Targets[0].TargetId].NodeId == Storage
        );

        (await EnableAsync(Storage, false)).Should().Be(StatusCode.Ok);
        await Task.Delay(_fs.Cluster.Options.HeartbeatInterval * 3);
        await _fs.Client.RefreshAsync();
        var disabled = _fs.Client.Routing;
        (await EnableAsync(Storage, false)).Should().Be(StatusCode.Ok, "it is already");
        (await EnableAsync(Storage, true)).Should().Be(StatusCode.Ok);
        for (var i = 0; ; i++)
        {
            await _fs.Client.RefreshAsync();
            var state = _fs.Client.Routing.Chains[chain.ChainId].Targets[0].PublicState;
            if (state == PublicTargetState.Serving)
            {
                break;
            }
            i.Should().BeLessThan(1200);
            await Task.Delay(50);
        }

        disabled.Nodes[Storage].Status.Should().Be(NodeStatus.Disabled, "reports do not enable it");
        disabled
            .Chains[chain.ChainId]
            .Targets[0]
            .PublicState.Should()
            .Be(PublicTargetState.LastSrv);
        _fs.Client.Routing.Chains[chain.ChainId].ChainVersion.Should().Be(chain.ChainVersion + 2);
        (await EnableAsync(1, false)).Should().Be(StatusCode.InvalidArg, "it is the manager");
        (await EnableAsync(4711, false)).Should().Be(StatusCode.MgmtdNodeNotFound);
    }

    [Fact]
    public async Task Chains_Changes_AreChecked()
    {
        var routing = _fs.Client.Routing;
        var chain = routing.Chains.Values.First();
        var target = chain.Targets[0].TargetId;

        (await SetChainsAsync(chain.ChainId, target)).Should().Be(StatusCode.Ok, "it is so");
        (await SetChainsAsync(chain.ChainId, 99)).Should().Be(StatusCode.InvalidArg);
        (await SetChainsAsync(0, 99)).Should().Be(StatusCode.InvalidArg);
        (await SetChainsAsync(77)).Should().Be(StatusCode.InvalidArg);
        (await SetChainsAsync(77, 99, 99)).Should().Be(StatusCode.InvalidArg);
        (await SetChainsAsync(77, target)).Should().Be(StatusCode.MgmtdTargetExisted);
        (await TableAsync(1, [.. routing.ChainTables[1][1].Chains]))
            .Value.ChainTableVersion.Should()
            .Be(1, "nothing changed");
        (await TableAsync(1, chain.ChainId)).Value.ChainTableVersion.Should().Be(2);
        (await TableAsync(1)).Status.Code.Should().Be(StatusCode.MgmtdInvalidChainTable);
        (await TableAsync(0, 1)).Status.Code.Should().Be(StatusCode.MgmtdInvalidChainTable);
        (await TableAsync(1, 4711)).Status.Code.Should().Be(StatusCode.MgmtdChainNotFound);
        (await MemberAsync(chain.ChainId, target, UpdateChainMode.Remove))
            .Should()
            .Be(StatusCode.InvalidArg, "it is the only one");
        (await MemberAsync(chain.ChainId, 99, UpdateChainMode.Remove))
            .Should()
            .Be(StatusCode.MgmtdTargetNotFound);
        (await MemberAsync(chain.ChainId, 99, UpdateChainMode.Add))
            .Should()
            .Be(StatusCode.NotImplemented);
        (await MemberAsync(4711, 99, UpdateChainMode.Remove))
            .Should()
            .Be(StatusCode.MgmtdChainNotFound);
        (await OrphansAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task ChainOrder_OfOneReplica_StaysAsItIs()
    {
        var chain = _fs.Client.Routing.Chains.Values.First();

        var rotated = await CallAsync<RotateLastSrvReq, RotateLastSrvRsp>(
            MgmtdMethod.RotateLastSrv,
            new() { ChainId = chain.ChainId }
        );
        var preferred = await CallAsync<RotateAsPreferredOrderReq, RotateAsPreferredOrderRsp>(
            MgmtdMethod.RotateAsPreferredOrder,
            new() { ChainId = chain.ChainId }
        );
        var order = await CallAsync<SetPreferredTargetOrderReq, SetPreferredTargetOrderRsp>(
            MgmtdMethod.SetPreferredTargetOrder,
            new() { ChainId = chain.ChainId, PreferredTargetOrder = [99] }
        );
        var missing = await CallAsync<RotateLastSrvReq, RotateLastSrvRsp>(
            MgmtdMethod.RotateLastSrv,
            new() { ChainId = 4711 }
        );

        rotated.Value.Chain.ChainVersion.Should().Be(chain.ChainVersion);
        preferred.Value.Chain.ChainVersion.Should().Be(chain.ChainVersion);
        order.Status.Code.Should().Be(StatusCode.InvalidArg);
        missing.Status.Code.Should().Be(StatusCode.MgmtdChainNotFound);
    }

    private static string Text(Result<SetNodeTagsRsp> result) =>
        string.Join(' ', result.Value.Info.Tags.Select(t => $"{t.Key}={t.Value}"));

    private static List<LocalTargetInfo> Targets(HeartbeatReq request) =>
        ((StorageHeartbeatInfo)request.Info.Info).Targets;

    private static LocalTargetInfo Target(
        ulong id,
        LocalTargetState state = LocalTargetState.Online
    ) => new() { TargetId = id, LocalState = state };

    private static HeartbeatReq NewHeartbeat() =>
        new()
        {
            Timestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000,
            Info = new HeartbeatInfo
            {
                Info = new StorageHeartbeatInfo(),
                App = new FbsAppInfo { NodeId = 20_000 },
                HbVersion = 9,
            },
        };

    private async Task<Status> HeartbeatAsync(Action<HeartbeatReq> change)
    {
        var request = NewHeartbeat();
        change(request);
        return (await CallAsync<HeartbeatReq, HeartbeatRsp>(MgmtdMethod.Heartbeat, request)).Status;
    }

    private Task<Result<GetRoutingInfoRsp>> RoutingAsync(ulong version) =>
        CallAsync<GetRoutingInfoReq, GetRoutingInfoRsp>(
            MgmtdMethod.GetRoutingInfo,
            new() { RoutingInfoVersion = version }
        );

    private async Task<Status> ExtendAsync(ulong version, string description) =>
        (
            await CallAsync<ExtendClientSessionReq, ExtendClientSessionRsp>(
                MgmtdMethod.ExtendClientSession,
                new()
                {
                    ClientId = "c",
                    ClientSessionVersion = version,
                    Data = new ClientSessionData { Description = description },
                }
            )
        ).Status;

    private Task<Result<SetConfigRsp>> SetConfigAsync(NodeType type, string content) =>
        CallAsync<SetConfigReq, SetConfigRsp>(
            MgmtdMethod.SetConfig,
            new() { NodeType = type, Content = content }
        );

    private Task<Result<GetConfigRsp>> ConfigAsync(ulong version, bool exact) =>
        CallAsync<GetConfigReq, GetConfigRsp>(
            MgmtdMethod.GetConfig,
            new()
            {
                NodeType = NodeType.Storage,
                ConfigVersion = version,
                ExactVersion = exact,
            }
        );

    private Task<Result<SetNodeTagsRsp>> TagAsync(
        SetTagMode mode,
        params (string Key, string Value)[] tags
    ) =>
        CallAsync<SetNodeTagsReq, SetNodeTagsRsp>(
            MgmtdMethod.SetNodeTags,
            new()
            {
                NodeId = Storage,
                Mode = mode,
                Tags = [.. tags.Select(t => new TagPair { Key = t.Key, Value = t.Value })],
            }
        );

    private async Task<StatusCode> RegisterAsync(uint node) =>
        (
            await CallAsync<RegisterNodeReq, RegisterNodeRsp>(
                MgmtdMethod.RegisterNode,
                new() { NodeId = node, Type = NodeType.Storage }
            )
        )
            .Status
            .Code;

    private async Task<StatusCode> UnregisterAsync(uint node) =>
        (
            await CallAsync<UnregisterNodeReq, UnregisterNodeRsp>(
                MgmtdMethod.UnregisterNode,
                new() { NodeId = node }
            )
        )
            .Status
            .Code;

    private async Task<StatusCode> EnableAsync(uint node, bool enabled) =>
        enabled
            ? (
                await CallAsync<EnableNodeReq, EnableNodeRsp>(
                    MgmtdMethod.EnableNode,
                    new() { NodeId = node }
                )
            )
                .Status
                .Code
            : (
                await CallAsync<DisableNodeReq, DisableNodeRsp>(
                    MgmtdMethod.DisableNode,
                    new() { NodeId = node }
                )
            )
                .Status
                .Code;

    private async Task<StatusCode> SetChainsAsync(uint chain, params ulong[] targets) =>
        (
            await CallAsync<SetChainsReq, SetChainsRsp>(
                MgmtdMethod.SetChains,
                new()
                {
                    Chains =
                    [
                        new ChainSetting
                        {
                            ChainId = chain,
                            Targets =
                            [
                                .. targets.Select(t => new ChainTargetSetting { TargetId = t }),
                            ],
                        },
                    ],
                }
            )
        )
            .Status
            .Code;

    private Task<Result<SetChainTableRsp>> TableAsync(uint table, params uint[] chains) =>
        CallAsync<SetChainTableReq, SetChainTableRsp>(
            MgmtdMethod.SetChainTable,
            new() { ChainTableId = table, Chains = [.. chains] }
        );

    private async Task<StatusCode> MemberAsync(uint chain, ulong target, UpdateChainMode mode) => (
            await CallAsync<UpdateChainReq, UpdateChainRsp>(
                MgmtdMethod.UpdateChain,
                new()
                {
                    ChainId = chain,
                    TargetId = target,
                    Mode = mode,
                }
            )
        ).Status.Code;

    private async Task<List<TargetInfo>> OrphansAsync() =>
        (
            await CallAsync<ListOrphanTargetsReq, ListOrphanTargetsRsp>(
                MgmtdMethod.ListOrphanTargets,
                new()
            )
        )
            .Value
            .Targets;

    private async Task<StatusCode> WrongAsync<TReq, TRsp>(ushort method)
        where TReq : IMgmtdRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        var request = new TReq();
        request.Prepare("another", new UserInfo());
        return (await _fs.Client.MgmtdAsync<TReq, TRsp>(method, request)).Status.Code;
    }

    private async Task<Result<TRsp>> CallAsync<TReq, TRsp>(ushort method, TReq request)
        where TReq : IMgmtdRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        request.Prepare(_fs.Cluster.ClusterId, new UserInfo());
        return await _fs.Client.MgmtdAsync<TReq, TRsp>(method, request);
    }
}
