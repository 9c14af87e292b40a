// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

internal sealed partial class ManagerService
{
    private RpcService MapChains(RpcService service) =>
        service
            .On<SetChainsReq, SetChainsRsp>(MgmtdMethod.SetChains, "setChains", SetChainsAsync)
            .On<SetChainTableReq, SetChainTableRsp>(
                MgmtdMethod.SetChainTable,
                "setChainTable",
                SetChainTableAsync
            )
            .On<RotateLastSrvReq, RotateLastSrvRsp>(
                MgmtdMethod.RotateLastSrv,
                "rotateLastSrv",
                RotateLastAsync
            )
            .On<RotateAsPreferredOrderReq, RotateAsPreferredOrderRsp>(
                MgmtdMethod.RotateAsPreferredOrder,
                "rotateAsPreferredOrder",
                async (r, ct) =>
                    new RotateAsPreferredOrderRsp
                    {
                        Chain = await ChangeChainAsync(r.ClusterId, r.ChainId, RotatePreferred, ct)
                            .ConfigureAwait(false),
                    }
            )
            .On<SetPreferredTargetOrderReq, SetPreferredTargetOrderRsp>(
                MgmtdMethod.SetPreferredTargetOrder,
                "setPreferredTargetOrder",
                async (r, ct) =>
                    new SetPreferredTargetOrderRsp
                    {
                        Chain = await ChangeChainAsync(
                                r.ClusterId,
                                r.ChainId,
                                (_, chain) => Prefer(chain, r.PreferredTargetOrder),
                                ct
                            )
                            .ConfigureAwait(false),
                    }
            )
            .On<UpdateChainReq, UpdateChainRsp>(
                MgmtdMethod.UpdateChain,
                "updateChain",
                async (r, ct) =>
                    new UpdateChainRsp
                    {
                        Chain = await ChangeChainAsync(
                                r.ClusterId,
                                r.ChainId,
                                (draft, chain) => ChangeMembers(draft, chain, r.TargetId, r.Mode),
                                ct
                            )
                            .ConfigureAwait(false),
                    }
            );

    /// <summary>
    /// Creates chains; all their targets start serving at version 1. Those that have not been reported by a node
    /// within the fail interval stop serving then.
    /// </summary>
    /// <exception cref="ServiceException">A chain is empty, exists differently or shares a target.</exception>
    public async ValueTask<SetChainsRsp> SetChainsAsync(SetChainsReq request, CancellationToken ct)
    {
        CheckCluster(request.ClusterId);
        await Routing
            .ChangeAsync(
                draft =>
                {
                    foreach (var setting in request.Chains)
                    {
                        if (SetChain(draft, setting))
                        {
                            _newborn[setting.ChainId] = _clock.Monotonic();
                        }
                    }
                    return true;
                },
                ct
            )
            .ConfigureAwait(false);
        return new SetChainsRsp();
    }

    /// <summary>Adds a version of a chain table.</summary>
    /// <exception cref="ServiceException">A chain does not exist (5012) or the table is empty (5007).</exception>
    public async ValueTask<SetChainTableRsp> SetChainTableAsync(
        SetChainTableReq request,
        CancellationToken ct
    )
    {
        CheckCluster(request.ClusterId);
        var version = await Routing
            .ChangeAsync(
                draft =>
                {
                    if (request.ChainTableId == 0 || request.Chains.Count == 0)
                    {
                        throw new ServiceException(
                            StatusCode.MgmtdInvalidChainTable,
                            $"table {request.ChainTableId} with {request.Chains.Count} chains"
                        );
                    }
                    foreach (var chain in request.Chains)
                    {
                        _ = FindChain(draft, chain);
                    }
                    var newest = draft.Info.ChainTables.TryGetValue(
                        request.ChainTableId,
                        out var versions
                    )
                        ? versions.Values.MaxBy(t => t.ChainTableVersion)
                        : null;
                    if (newest?.Chains.SequenceEqual(request.Chains) == true)
                    {
                        return newest.ChainTableVersion;
                    }
                    var next = (newest?.ChainTableVersion ?? 0) + 1;
                    draft.AddTable(
                        new ChainTable
                        {
                            ChainTableId = request.ChainTableId,
                            ChainTableVersion = next,
                            Chains = request.Chains,
                            Desc = request.Desc,
                        }
                    );
                    return next;
                },
                ct
            )
            .ConfigureAwait(false);
        return new SetChainTableRsp { ChainTableVersion = version };
    }

    /// <summary>Gives up the last member that served; the next one takes its place with what it has.</summary>
    /// <exception cref="ServiceException">The chain does not exist (5012).</exception>
    public async ValueTask<RotateLastSrvRsp> RotateLastAsync(
        RotateLastSrvReq request,
        CancellationToken ct
    ) =>
        new()
        {
            Chain = await ChangeChainAsync(request.ClusterId, request.ChainId, RotateLast, ct)
                .ConfigureAwait(false),
        };

    private static bool SetChain(RoutingDraft draft, ChainSetting setting)
    {
        var targets = setting.Targets.ConvertAll(t => t.TargetId);
        if (
            setting.ChainId == 0
            || targets.Count == 0
            || targets.Distinct().Count() != targets.Count
        )
        {
            throw new ServiceException(
                StatusCode.InvalidArg,
                $"chain {setting.ChainId} with targets [{string.Join(", ", targets)}]"
            );
        }
        if (draft.Info.Chains.TryGetValue(setting.ChainId, out var old))
        {
            if (!old.Targets.Select(t => t.TargetId).Order().SequenceEqual(targets.Order()))
            {
                throw new ServiceException(
                    StatusCode.InvalidArg,
                    $"ChainId({setting.ChainId}) exists with other targets; use updateChain"
                );
            }
            return false;
        }
        foreach (var target in targets)
        {
            if (
                draft.Info.Targets.TryGetValue(target, out var known)
                && known.ChainId != 0
                && known.ChainId != setting.ChainId
            )
            {
                throw new ServiceException(
                    StatusCode.MgmtdTargetExisted,
                    $"target {target} belongs to chain {known.ChainId}"
                );
            }
        }
        draft.SetChain(
            new ChainInfo
            {
                ChainId = setting.ChainId,
                ChainVersion = 1,
                Targets = targets.ConvertAll(t => new ChainTargetInfo
                {
                    TargetId = t,
                    PublicState = PublicTargetState.Serving,
                }),
                PreferredTargetOrder = setting.SetPreferredTargetOrder ? targets : [],
            }
        );
        return true;
    }

    private async ValueTask<ChainInfo> ChangeChainAsync(
        string clusterId,
        uint chainId,
        Func<RoutingDraft, ChainInfo, ChainInfo> change,
        CancellationToken ct
    )
    {
        CheckCluster(clusterId);
        return await Routing
            .ChangeAsync(
                draft =>
                {
                    var old = FindChain(draft, chainId);
                    var next = change(draft, old);
                    if (!ReferenceEquals(old, next))
                    {
                        draft.SetChain(next);
                        // The change may be what a member has waited for; its node has nothing new to report.
                        AdvanceChains(draft);
                    }
                    return draft.Info.Chains[chainId];
                },
                ct
            )
            .ConfigureAwait(false);
    }

    /// <summary>The last serving target that is down makes way for the next one in the chain.</summary>
    private static ChainInfo RotateLast(RoutingDraft draft, ChainInfo chain)
    {
        if (chain.Targets.Count < 2 || chain.Targets[0].PublicState != PublicTargetState.LastSrv)
        {
            return chain;
        }
        var targets = chain
            .Targets.Skip(1)
            .Append(chain.Targets[0])
            .Select(
                (t, i) =>
                    new ChainTargetInfo
                    {
                        TargetId = t.TargetId,
                        PublicState =
                            i == 0 ? PublicTargetState.LastSrv : PublicTargetState.Offline,
                    }
            );
        return Next(chain, [.. targets]);
    }

    /// <summary>
    /// Chains in their preferred order stay as they are. In another one a member would have to leave and to be
    /// brought up to date again behind the others.
    /// </summary>
    private static ChainInfo RotatePreferred(RoutingDraft draft, ChainInfo chain) =>
        chain
            .Targets.Select(t => t.TargetId)
            .Take(chain.PreferredTargetOrder.Count)
            .SequenceEqual(chain.PreferredTargetOrder)
            ? chain
            : throw new NotSupportedException(
                $"changing the order of chain {chain.ChainId} needs replication, which this version does not have"
            );

    private static ChainInfo Prefer(ChainInfo chain, List<ulong> order)
    {
        if (!order.Order().SequenceEqual(chain.Targets.Select(t => t.TargetId).Order()))
        {
            throw new ServiceException(
                StatusCode.InvalidArg,
                $"preferred order [{string.Join(", ", order)}] does not name the chain's targets"
            );
        }
        return new ChainInfo
        {
            ChainId = chain.ChainId,
            ChainVersion = chain.ChainVersion,
            Targets = chain.Targets,
            PreferredTargetOrder = order,
        };
    }

    private static ChainInfo ChangeMembers(
        RoutingDraft draft,
        ChainInfo chain,
        ulong targetId,
        UpdateChainMode mode
    )
    {
        var present = chain.Targets.FindIndex(t => t.TargetId == targetId);
        if (mode == UpdateChainMode.Remove)
        {
            if (present < 0)
            {
                throw new ServiceException(
                    StatusCode.MgmtdTargetNotFound,
                    $"target {targetId} is not in chain {chain.ChainId}"
                );
            }
            if (chain.Targets[present].PublicState != PublicTargetState.Offline)
            {
                throw new ServiceException(
                    StatusCode.InvalidArg,
                    $"target {targetId} of chain {chain.ChainId} is {chain.Targets[present].PublicState}, not offline"
                );
            }
            var target = draft.Info.Targets[targetId];
            draft.SetTarget(target with { ChainId = 0, PublicState = PublicTargetState.Invalid });
            var next = Next(chain, [.. chain.Targets.Where(t => t.TargetId != targetId)]);
            next.PreferredTargetOrder = [.. chain.PreferredTargetOrder.Where(t => t != targetId)];
            return next;
        }
        throw new NotSupportedException(
            "adding a target to a chain needs replication, which this version does not have"
        );
    }

    private static ChainInfo Next(ChainInfo chain, List<ChainTargetInfo> targets) =>
        new()
        {
            ChainId = chain.ChainId,
            ChainVersion = chain.ChainVersion + 1,
            Targets = targets,
            PreferredTargetOrder = chain.PreferredTargetOrder,
        };

    private static ChainInfo FindChain(RoutingDraft draft, uint id) =>
        draft.Info.Chains.TryGetValue(id, out var chain)
            ? chain
            : throw new ServiceException(StatusCode.MgmtdChainNotFound, $"ChainId({id}) not found");
}
