// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Management;

namespace DeepInfra.Fs;

/// <summary>Looks at the state of a cluster: nodes, chains and targets. Thread-safe.</summary>
public sealed class ThreeFsAdminClient
{
    private readonly ThreeFsClient _client;

    internal ThreeFsAdminClient(ThreeFsClient client)
    {
        _client = client;
    }

    /// <summary>Version of the routing information that the client has; it grows with every change of the cluster.</summary>
    public ulong RoutingVersion => _client.Mgmtd.Routing.Version;

    /// <summary>Asks the manager for its newest routing information now instead of at the next interval.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask RefreshAsync(CancellationToken cancellationToken = default) =>
        await _client.Mgmtd.RefreshRoutingAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>The nodes of the cluster in the order of their ids.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<IReadOnlyList<ThreeFsNode>> ListNodesAsync(
        CancellationToken cancellationToken = default
    )
    {
        await RefreshAsync(cancellationToken).ConfigureAwait(false);
        return
        [
            .. _client
                .Mgmtd.Routing.Nodes.Values.OrderBy(n => n.App.NodeId)
                .Select(n => new ThreeFsNode(
                    n.App.NodeId,
                    n.Type.ToString(),
                    n.Status.ToString(),
                    n.App.Hostname,
                    [.. n.App.ServiceGroups.SelectMany(g => g.Endpoints).Select(e => e.ToString())],
                    ThreeFsFileInfo.ToTime(n.LastHeartbeatTs)
                )),
        ];
    }

    /// <summary>The replication chains in the order of their ids.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<IReadOnlyList<ThreeFsChain>> ListChainsAsync(
        CancellationToken cancellationToken = default
    )
    {
        await RefreshAsync(cancellationToken).ConfigureAwait(false);
        var routing = _client.Mgmtd.Routing;
        return
        [
            .. routing
                .Info.Chains.Values.OrderBy(c => c.ChainId)
                .Select(c => new ThreeFsChain(
                    c.ChainId,
                    c.ChainVersion,
                    [.. c.Targets.Select(t => Describe(routing, t.TargetId, t.PublicState))]
                )),
        ];
    }

    private static ThreeFsTarget Describe(
        RoutingSnapshot routing,
        ulong targetId,
        Wire.PublicTargetState state
    )
    {
        var target = routing.FindTarget(targetId);
        return new ThreeFsTarget(
            targetId,
            target?.NodeId,
            state.ToString(),
            target?.LocalState.ToString() ?? "Unknown",
            (long)Math.Min(target?.UsedSize ?? 0, long.MaxValue)
        );
    }
}
