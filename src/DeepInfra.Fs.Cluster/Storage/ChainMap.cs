// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>The chains that have a member on this node, as of one routing version. Immutable.</summary>
internal sealed class ChainMap
{
    private readonly Dictionary<uint, ChainView> _chains = [];
    private readonly Dictionary<ulong, ChainView> _byTarget = [];

    public ChainMap(RoutingInfo routing, IReadOnlyDictionary<ulong, LocalTarget> targets)
    {
        Routing = routing;
        foreach (var chain in routing.Chains.Values)
        {
            var serving = chain
                .Targets.TakeWhile(t => t.PublicState == PublicTargetState.Serving)
                .ToList();
            for (var i = 0; i < chain.Targets.Count; i++)
            {
                var member = chain.Targets[i];
                if (targets.TryGetValue(member.TargetId, out var target))
                {
                    var view = new ChainView(
                        target,
                        chain,
                        member.PublicState,
                        serving.Count > 0 && serving[0].TargetId == member.TargetId,
                        serving.Count > 0 && serving[^1].TargetId == member.TargetId,
                        SuccessorOf(chain, i)
                    );
                    // The first of several members on one node is the one that updates come to.
                    _chains.TryAdd(chain.ChainId, view);
                    _byTarget[member.TargetId] = view;
                }
            }
        }
    }

    private static ulong? SuccessorOf(ChainInfo chain, int member)
    {
        foreach (var target in chain.Targets.Skip(member + 1))
        {
            if (target.PublicState is PublicTargetState.Serving or PublicTargetState.Syncing)
            {
                return target.TargetId;
            }
        }
        return null;
    }

    /// <summary>The routing information behind it.</summary>
    public RoutingInfo Routing { get; }

    /// <summary>The chain of a target, or null.</summary>
    public ChainView? OfTarget(ulong target) => _byTarget.GetValueOrDefault(target);

    /// <summary>The chain, whatever its state.</summary>
    /// <exception cref="ServiceException">No member of the chain is here (7004).</exception>
    public ChainView Find(uint chainId) =>
        _chains.TryGetValue(chainId, out var view)
            ? view
            : throw new ServiceException(
                StatusCode.StorageClientRoutingError,
                $"chain ChainId({chainId}) not found"
            );

    /// <summary>The chain at the version that a request names, with everything that was committed.</summary>
    /// <exception cref="ServiceException">As <see cref="Require"/>; also while the target is brought up to date (4030).</exception>
    public ChainView RequireServing(VersionedChainId id)
    {
        var view = Require(id);
        return view.PublicState == PublicTargetState.Serving ? view : throw Offline(view);
    }

    /// <summary>The chain at the version that a request names, able to take updates.</summary>
    /// <exception cref="ServiceException">Unknown chain (7004), other version (7014), target down (4030).</exception>
    public ChainView Require(VersionedChainId id)
    {
        var view = Find(id.ChainId);
        if (id.ChainVer != view.Chain.ChainVersion)
        {
            throw new ServiceException(
                StatusCode.StorageClientRoutingVersionMismatch,
                $"chain ChainId({id.ChainId}) version mismatch request ChainVersion({id.ChainVer}) "
                    + $"!= local ChainVersion({view.Chain.ChainVersion})"
            );
        }
        if (
            view.Target.LocalState == LocalTargetState.Offline
            || view.PublicState is not (PublicTargetState.Serving or PublicTargetState.Syncing)
        )
        {
            throw Offline(view);
        }
        return view;
    }

    private static ServiceException Offline(ChainView view) =>
        new(
            StatusCode.StorageTargetOffline,
            $"target TargetId({view.Target.Id}) is {view.PublicState}, locally {view.Target.LocalState}"
        );
}
