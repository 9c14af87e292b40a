// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

internal sealed partial class ManagerService
{
    private RpcService MapNodes(RpcService service) =>
        service
            .On<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(
                MgmtdMethod.GetPrimaryMgmtd,
                "getPrimaryMgmtd",
                GetPrimary
            )
            .On<HeartbeatReq, HeartbeatRsp>(MgmtdMethod.Heartbeat, "heartbeat", HeartbeatAsync)
            .On<RegisterNodeReq, RegisterNodeRsp>(
                MgmtdMethod.RegisterNode,
                "registerNode",
                RegisterAsync
            )
            .On<UnregisterNodeReq, UnregisterNodeRsp>(
                MgmtdMethod.UnregisterNode,
                "unregisterNode",
                UnregisterAsync
            )
            .On<GetRoutingInfoReq, GetRoutingInfoRsp>(
                MgmtdMethod.GetRoutingInfo,
                "getRoutingInfo",
                GetRoutingInfo
            )
            .On<EnableNodeReq, EnableNodeRsp>(
                MgmtdMethod.EnableNode,
                "enableNode",
                async (r, ct) =>
                {
                    await SetEnabledAsync(r.ClusterId, r.NodeId, true, ct).ConfigureAwait(false);
                    return new EnableNodeRsp();
                }
            )
            .On<DisableNodeReq, DisableNodeRsp>(
                MgmtdMethod.DisableNode,
                "disableNode",
                async (r, ct) =>
                {
                    await SetEnabledAsync(r.ClusterId, r.NodeId, false, ct).ConfigureAwait(false);
                    return new DisableNodeRsp();
                }
            )
            .On<SetNodeTagsReq, SetNodeTagsRsp>(
                MgmtdMethod.SetNodeTags,
                "setNodeTags",
                SetTagsAsync
            )
            .On<ListOrphanTargetsReq, ListOrphanTargetsRsp>(
                MgmtdMethod.ListOrphanTargets,
                "listOrphanTargets",
                ListOrphans
            );

    /// <summary>Adds a node to the registry.</summary>
    /// <exception cref="ServiceException">The id is taken (5004).</exception>
    public async ValueTask<RegisterNodeRsp> RegisterAsync(
        RegisterNodeReq request,
        CancellationToken ct
    )
    {
        CheckCluster(request.ClusterId);
        if (request.NodeId == 0)
        {
            throw new ServiceException(StatusCode.MgmtdRegisterFail, "Node id 0 is invalid");
        }
        await Routing
            .ChangeAsync(
                draft =>
                {
                    if (draft.Info.Nodes.ContainsKey(request.NodeId))
                    {
                        throw new ServiceException(
                            StatusCode.MgmtdRegisterFail,
                            $"Node id NodeId({request.NodeId}) duplicated"
                        );
                    }
                    draft.SetNode(
                        new NodeInfo
                        {
                            App = new FbsAppInfo { NodeId = request.NodeId },
                            Type = request.Type,
                        }
                    );
                    return true;
                },
                ct
            )
            .ConfigureAwait(false);
        return new RegisterNodeRsp();
    }

    private GetPrimaryMgmtdRsp GetPrimary(GetPrimaryMgmtdReq request)
    {
        CheckCluster(request.ClusterId);
        return Routing.Current.Nodes.TryGetValue(NodeId, out var self)
            ? new GetPrimaryMgmtdRsp { Primary = Persistent(self) }
            : new GetPrimaryMgmtdRsp();
    }

    private GetRoutingInfoRsp GetRoutingInfo(GetRoutingInfoReq request)
    {
        CheckCluster(request.ClusterId);
        var current = Routing.Current;
        if (request.RoutingInfoVersion > current.RoutingInfoVersion)
        {
            throw new ServiceException(
                StatusCode.MgmtdInvalidRoutingInfoVersion,
                $"version {request.RoutingInfoVersion} is newer than {current.RoutingInfoVersion}"
            );
        }
        return new GetRoutingInfoRsp
        {
            Info = request.RoutingInfoVersion == current.RoutingInfoVersion ? null : current,
        };
    }

    private async ValueTask<UnregisterNodeRsp> UnregisterAsync(
        UnregisterNodeReq request,
        CancellationToken ct
    )
    {
        CheckCluster(request.ClusterId);
        await Routing
            .ChangeAsync(
                draft =>
                {
                    var node = FindNode(draft, request.NodeId);
                    if (
                        node.Status is NodeStatus.HeartbeatConnected or NodeStatus.PrimaryMgmtd
                        || TargetsOf(draft, request.NodeId).Length > 0
                    )
                    {
                        throw new ServiceException(
                            StatusCode.InvalidArg,
                            $"node {request.NodeId} is in use"
                        );
                    }
                    draft.RemoveNode(request.NodeId);
                    return true;
                },
                ct
            )
            .ConfigureAwait(false);
        return new UnregisterNodeRsp();
    }

    private async ValueTask SetEnabledAsync(
        string clusterId,
        uint nodeId,
        bool enabled,
        CancellationToken ct
    )
    {
        CheckCluster(clusterId);
        await Routing
            .ChangeAsync(
                draft =>
                {
                    var node = FindNode(draft, nodeId);
                    if (node.Status == NodeStatus.PrimaryMgmtd)
                    {
                        throw new ServiceException(
                            StatusCode.InvalidArg,
                            $"node {nodeId} is the primary manager"
                        );
                    }
                    if ((node.Status == NodeStatus.Disabled) != enabled)
                    {
                        return false;
                    }
                    var next = WithStatus(node, NodeStatus.Disabled);
                    next.Status = enabled ? NodeStatus.HeartbeatConnecting : NodeStatus.Disabled;
                    draft.SetNode(next);
                    if (!enabled)
                    {
                        foreach (var target in TargetsOf(draft, nodeId))
                        {
                            draft.SetTarget(target with { LocalState = LocalTargetState.Offline });
                        }
                        AdvanceChains(draft);
                    }
                    return true;
                },
                ct
            )
            .ConfigureAwait(false);
    }

    private async ValueTask<SetNodeTagsRsp> SetTagsAsync(
        SetNodeTagsReq request,
        CancellationToken ct
    )
    {
        CheckCluster(request.ClusterId);
        var node = await Routing
            .ChangeAsync(
                draft =>
                {
                    var old = FindNode(draft, request.NodeId);
                    var next = WithStatus(old, old.Status);
                    next.Tags = TagList.Change(old.Tags, request.Tags, request.Mode);
                    draft.SetNode(next);
                    return next;
                },
                ct
            )
            .ConfigureAwait(false);
        return new SetNodeTagsRsp { Info = node };
    }

    private ListOrphanTargetsRsp ListOrphans(ListOrphanTargetsReq request)
    {
        CheckCluster(request.ClusterId);
        var routing = Routing.Current;
        var inChains = routing.Chains.Values.SelectMany(c => c.Targets).Select(t => t.TargetId);
        var members = inChains.ToHashSet();
        return new ListOrphanTargetsRsp
        {
            Targets = [.. routing.Targets.Values.Where(t => !members.Contains(t.TargetId))],
        };
    }

    private static NodeInfo FindNode(RoutingDraft draft, uint id) =>
        draft.Info.Nodes.TryGetValue(id, out var node)
            ? node
            : throw new ServiceException(StatusCode.MgmtdNodeNotFound, $"NodeId({id}) not found");

    private static PersistentNodeInfo Persistent(NodeInfo node) =>
        new()
        {
            NodeId = node.App.NodeId,
            Type = node.Type,
            ServiceGroups = node.App.ServiceGroups,
            Tags = node.Tags,
            Hostname = node.App.Hostname,
        };
}
