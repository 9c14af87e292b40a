// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

internal sealed partial class ManagerService
{
    /// <summary>A node reports that it lives and how its targets are.</summary>
    /// <exception cref="ServiceException">The report is refused.</exception>
    public async ValueTask<HeartbeatRsp> HeartbeatAsync(HeartbeatReq request, CancellationToken ct)
    {
        CheckCluster(request.ClusterId);
        var info = request.Info;
        var id = info.App.NodeId;
        var now = _clock.Now();
        if (Math.Abs(request.Timestamp - now) > (long)s_clockTolerance.TotalMicroseconds)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"clock of node {id} is off by {(now - request.Timestamp) / 1000} ms"
            );
        }
        if (id == 0 || id == NodeId)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"Node id {id} is 0 or the manager's own"
            );
        }
        var type = TypeOf(info.Info);
        var connected = await Routing
            .ChangeAsync(draft => Report(draft, info, type, now), ct)
            .ConfigureAwait(false);
        if (connected)
        {
            ClusterLog.NodeConnected(_log, id);
        }
        return new HeartbeatRsp { Config = NewerConfig(type, info.ConfigVersion) };
    }

    /// <summary>Takes a report up; true when the node was not connected before.</summary>
    private bool Report(RoutingDraft draft, HeartbeatInfo info, NodeType type, long now)
    {
        var id = info.App.NodeId;
        // Here, where one report is taken up at a time: an older one must not overtake a newer one.
        if (_heartbeats.TryGetValue(id, out var last) && info.HbVersion <= last.Version)
        {
            throw new ServiceException(StatusCode.MgmtdHeartbeatVersionStale, $"{last.Version}");
        }
        draft.Info.Nodes.TryGetValue(id, out var known);
        if (known is not null && known.Type != type)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"node {id} is a {known.Type}, not a {type}"
            );
        }
        var isDisabled = known?.Status == NodeStatus.Disabled;
        if (!isDisabled)
        {
            TakeUp(draft, known, info, type, now);
        }
        _heartbeats[id] = (_clock.Monotonic(), info.HbVersion);
        return !isDisabled && known is { Status: not NodeStatus.HeartbeatConnected };
    }

    private void TakeUp(
        RoutingDraft draft,
        NodeInfo? known,
        HeartbeatInfo info,
        NodeType type,
        long now
    )
    {
        var id = info.App.NodeId;
        if (
            known is not { Status: NodeStatus.HeartbeatConnected }
            || !Serde.ToArray(known.App).AsSpan().SequenceEqual(Serde.ToArray(info.App))
        )
        {
            draft.SetNode(
                new NodeInfo
                {
                    App = info.App,
                    Type = type,
                    Status = NodeStatus.HeartbeatConnected,
                    LastHeartbeatTs = now,
                    Tags = known?.Tags ?? [],
                    ConfigVersion = info.ConfigVersion,
                    ConfigStatus = info.ConfigStatus,
                }
            );
        }
        if (info.Info is StorageHeartbeatInfo storage)
        {
            var seen = new HashSet<ulong>();
            foreach (var report in storage.Targets)
            {
                if (!seen.Add(report.TargetId))
                {
                    throw new ServiceException(
                        StatusCode.MgmtdHeartbeatFail,
                        $"Duplicated target id in HeartbeatInfo: {report.TargetId}"
                    );
                }
                ReportTarget(draft, id, report);
            }
            foreach (var gone in TargetsOf(draft, id).Where(t => !seen.Contains(t.TargetId)))
            {
                // The node lives and does not have it any more.
                if (gone.LocalState != LocalTargetState.Offline)
                {
                    draft.SetTarget(gone with { LocalState = LocalTargetState.Offline });
                }
            }
        }
        if (draft.IsChanged)
        {
            AdvanceChains(draft);
        }
    }

    private static void ReportTarget(RoutingDraft draft, uint node, LocalTargetInfo report)
    {
        if (report.LocalState == LocalTargetState.Invalid)
        {
            throw new ServiceException(
                StatusCode.MgmtdHeartbeatFail,
                $"target {report.TargetId} has no valid state"
            );
        }
        var target = draft.Info.Targets.TryGetValue(report.TargetId, out var known)
            ? known
            : new TargetInfo { TargetId = report.TargetId };
        if (
            report.ChainVersion != 0
            && draft.Info.Chains.TryGetValue(target.ChainId, out var chain)
            && report.ChainVersion < chain.ChainVersion
        )
        {
            // What the node says of the target may have been true before the chain changed; it reports again
            // once it knows of the change.
            return;
        }
        if (
            target.LocalState == report.LocalState
            && target.NodeId == node
            && target.DiskIndex == report.DiskIndex
        )
        {
            if (target.UsedSize != report.UsedSize)
            {
                draft.RefreshTarget(target with { UsedSize = report.UsedSize });
            }
            return;
        }
        draft.SetTarget(
            target with
            {
                LocalState = report.LocalState,
                NodeId = node,
                DiskIndex = report.DiskIndex,
                UsedSize = report.UsedSize,
            }
        );
    }

    private static NodeType TypeOf(IHeartbeatBody body) =>
        body switch
        {
            StorageHeartbeatInfo => NodeType.Storage,
            MgmtdHeartbeatInfo => NodeType.Mgmtd,
            _ => NodeType.Meta,
        };
}
