// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Management;

/// <summary>Tells an operator what a new version of the routing information changes for the targets.</summary>
internal static class RoutingLog
{
    // A large cluster that starts would fill the log; the rest is in the admin client.
    private const int MaximumTargets = 32;

    /// <summary>Logs the new version and the targets that stopped or began to serve.</summary>
    public static void Changed(ILogger logger, RoutingSnapshot old, RoutingSnapshot next)
    {
        if (!logger.IsEnabled(LogLevel.Warning))
        {
            return;
        }

        FsLog.RoutingChanged(
            logger,
            old.Version,
            next.Version,
            next.Info.Nodes.Count,
            next.Info.Chains.Count
        );
        var told = 0;
        foreach (var chain in next.Info.Chains.Values)
        {
            var before = old.FindChain(chain.ChainId)?.Targets ?? [];
            foreach (var target in chain.Targets)
            {
                var state = before.Find(t => t.TargetId == target.TargetId).PublicState;
                if (state == target.PublicState || told == MaximumTargets)
                {
                    continue;
                }

                if (target.PublicState != PublicTargetState.Serving)
                {
                    told++;
                    FsLog.TargetDown(logger, target.TargetId, chain.ChainId, target.PublicState);
                }
                else if (state != PublicTargetState.Invalid)
                {
                    told++;
                    FsLog.TargetServes(logger, target.TargetId, chain.ChainId);
                }
            }
        }
    }
}
