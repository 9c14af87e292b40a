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

    /// <summary>The next targets of a chain; equal to the present ones when nothing changes.</summary>
    /// <param name="targets">Present order and public states.</param>
    /// <param name="localState">Local state of a target, as its node last reported it.</param>
    public static List<ChainTargetInfo> Advance(
        List<ChainTargetInfo> targets,
        Func<ulong, LocalTargetState> localState
    )
    {
        var serving = targets
            .Where(t => t.PublicState == PublicTargetState.Serving && IsUp(localState(t.TargetId)))
            .Select(t => t.TargetId)
            .ToList();
        var result = serving.ConvertAll(id => With(id, PublicTargetState.Serving));
        var lastServing = new List<ChainTargetInfo>();
        var rest = new List<ChainTargetInfo>();

        AdvanceServing(targets, localState, serving.Count > 0, lastServing, rest);
        AdvanceLastServing(targets, localState, result, lastServing, rest);
        AdvanceFollowers(targets, localState, result, rest);

        result.AddRange(lastServing);
        result.AddRange(rest.Where(t => t.PublicState == PublicTargetState.Syncing));
        result.AddRange(rest.Where(t => t.PublicState == PublicTargetState.Waiting));
        result.AddRange(rest.Where(t => t.PublicState == PublicTargetState.Offline));
        return result;
    }

    /// <summary>Serving targets that went down: the first of them stays as the last one that served.</summary>
    private static void AdvanceServing(
        List<ChainTargetInfo> targets,
        Func<ulong, LocalTargetState> localState,
        bool othersServe,
        List<ChainTargetInfo> lastServing,
        List<ChainTargetInfo> rest
    )
    {
        foreach (var target in targets)
        {
            if (
                target.PublicState != PublicTargetState.Serving
                || IsUp(localState(target.TargetId))
            )
            {
                continue;
            }
            if (!othersServe && lastServing.Count == 0)
            {
                lastServing.Add(With(target.TargetId, PublicTargetState.LastSrv));
            }
            else
            {
                rest.Add(With(target.TargetId, PublicTargetState.Offline));
            }
        }
    }

    private static void AdvanceLastServing(
        List<ChainTargetInfo> targets,
        Func<ulong, LocalTargetState> localState,
        List<ChainTargetInfo> serving,
        List<ChainTargetInfo> lastServing,
        List<ChainTargetInfo> rest
    )
    {
        foreach (var target in targets)
        {
            if (target.PublicState != PublicTargetState.LastSrv)
            {
                continue;
            }
            if (serving.Count > 0)
            {
                rest.Add(With(target.TargetId, PublicTargetState.Offline));
            }
            else if (IsUp(localState(target.TargetId)))
            {
                serving.Add(With(target.TargetId, PublicTargetState.Serving));
            }
            else
            {
                lastServing.Add(target);
            }
        }
    }

    private static void AdvanceFollowers(
        List<ChainTargetInfo> targets,
        Func<ulong, LocalTargetState> localState,
        List<ChainTargetInfo> serving,
        List<ChainTargetInfo> rest
    )
    {
        var canSync = serving.Count > 0;
        var syncing = targets.Any(t =>
            t.PublicState == PublicTargetState.Syncing && localState(t.TargetId) == Online
        );
        foreach (var target in targets)
        {
            var local = localState(target.TargetId);
            switch (target.PublicState)
            {
                case PublicTargetState.Syncing when local == UpToDate:
                    serving.Add(With(target.TargetId, PublicTargetState.Serving));
                    break;
                case PublicTargetState.Syncing when local == Online:
                    rest.Add(
                        With(
                            target.TargetId,
                            canSync ? PublicTargetState.Syncing : PublicTargetState.Waiting
                        )
                    );
                    break;
                case PublicTargetState.Syncing:
                    rest.Add(With(target.TargetId, PublicTargetState.Offline));
                    break;
                case PublicTargetState.Waiting or PublicTargetState.Offline:
                    var state = PublicTargetState.Offline;
                    if (local == Online && canSync && !syncing)
                    {
                        state = PublicTargetState.Syncing;
                        syncing = true;
                    }
                    else if (IsUp(local))
                    {
                        state = PublicTargetState.Waiting;
                    }
                    rest.Add(With(target.TargetId, state));
                    break;
                default:
                    break;
            }
        }
    }

    private static bool IsUp(LocalTargetState state) => state is Online or UpToDate;

    private static ChainTargetInfo With(ulong id, PublicTargetState state) =>
        new() { TargetId = id, PublicState = state };
}
