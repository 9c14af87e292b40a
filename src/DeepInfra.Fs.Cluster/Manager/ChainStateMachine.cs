// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

/// <summary>
/// What becomes of the targets of a chain when their local states change: the transition rules of 3FS'
/// manager, for chains of any length. The result is ordered: serving, last serving, syncing, waiting,
/// offline.
/// </summary>
internal static class ChainStateMachine
{
    private const LocalTargetState Online = LocalTargetState.Online;
    private const LocalTargetState UpToDate = LocalTargetState.UpToDate;

    // A target of an earlier state is placed first: whether somebody serves or syncs decides about those behind it.
    private static readonly PublicTargetState[] s_order =
    [
        PublicTargetState.Serving,
        PublicTargetState.LastSrv,
        PublicTargetState.Syncing,
        PublicTargetState.Waiting,
        PublicTargetState.Offline,
    ];

    /// <summary>The next targets of a chain; equal to the present ones when nothing changes.</summary>
    /// <param name="targets">Present order and public states.</param>
    /// <param name="localState">Local state of a target, as its node last reported it.</param>
    public static List<ChainTargetInfo> Advance(
        List<ChainTargetInfo> targets,
        Func<ulong, LocalTargetState> localState
    )
    {
        var next = new List<ChainTargetInfo>(targets.Count);
        foreach (var present in s_order)
        {
            foreach (var target in targets.Where(t => t.PublicState == present))
            {
                var state = Next(present, localState(target.TargetId), next);
                next.Add(new() { TargetId = target.TargetId, PublicState = state });
            }
        }
        if (Any(next, PublicTargetState.Serving))
        {
            // Somebody behind the last one that served has everything: it serves now, and what the other
            // one holds is old once the first write comes.
            next = next.ConvertAll(t =>
                t.PublicState == PublicTargetState.LastSrv
                    ? t with
                    {
                        PublicState = PublicTargetState.Offline,
                    }
                    : t
            );
        }
        return [.. s_order.SelectMany(s => next.Where(t => t.PublicState == s))];
    }

    /// <summary>The next state of one target.</summary>
    /// <param name="present">Its public state.</param>
    /// <param name="local">Its local state.</param>
    /// <param name="placed">The next states of the targets that come before it.</param>
    private static PublicTargetState Next(
        PublicTargetState present,
        LocalTargetState local,
        List<ChainTargetInfo> placed
    )
    {
        var serves = Any(placed, PublicTargetState.Serving);
        switch (present)
        {
            case PublicTargetState.Serving when IsUp(local):
                return PublicTargetState.Serving;
            case PublicTargetState.Serving:
                return Any(placed, PublicTargetState.LastSrv)
                    ? PublicTargetState.Offline
                    : PublicTargetState.LastSrv;
            case PublicTargetState.LastSrv:
                return serves ? PublicTargetState.Offline
                    : IsUp(local) ? PublicTargetState.Serving
                    : PublicTargetState.LastSrv;
            case PublicTargetState.Syncing when local == UpToDate:
                return PublicTargetState.Serving;
            case PublicTargetState.Syncing when local == Online:
                return serves ? PublicTargetState.Syncing : PublicTargetState.Waiting;
            case PublicTargetState.Waiting or PublicTargetState.Offline when IsUp(local):
                // One at a time is brought up to date, and not one that believes it is.
                return local == Online && serves && !Any(placed, PublicTargetState.Syncing)
                    ? PublicTargetState.Syncing
                    : PublicTargetState.Waiting;
            default:
                return PublicTargetState.Offline;
        }
    }

    private static bool Any(List<ChainTargetInfo> targets, PublicTargetState state) =>
        targets.Exists(t => t.PublicState == state);

    private static bool IsUp(LocalTargetState state) => state is Online or UpToDate;
}
