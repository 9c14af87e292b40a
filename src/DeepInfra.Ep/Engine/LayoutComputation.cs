// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>Computes a <see cref="DispatchLayout"/> from a routing table.</summary>
internal static unsafe class LayoutComputation
{
    public static DispatchLayout Compute(ExpertParallelGroup group, Tensor topkIdx, int experts)
    {
        Validation.RequireRows(topkIdx, nameof(topkIdx));
        var is64Bit = Validation.RequireIndexType(topkIdx, nameof(topkIdx));
        var ranks = group.Size;
        Validation.RequireExperts(experts, ranks, nameof(experts));
        var tokens = (int)topkIdx.Shape[0];
        var plan = new RoutingPlan();
        var builder = new RoutingPlanBuilder(ranks, group.Rank);
        builder.Build(
            plan,
            topkIdx.DataPointer,
            topkIdx.Strides[0],
            is64Bit,
            tokens,
            checked((int)topkIdx.Shape[1]),
            experts,
            checkDuplicates: true
        );
        GC.KeepAlive(topkIdx);

        var members = Tensor<bool>.Create([tokens, ranks]);
        var isInRank = members.AsSpan();
        var topology = group.Topology;
        var perDomain =
            topology.DomainCount > 1 ? Tensor<int>.Create([topology.DomainCount]) : null;
        for (var token = 0; token < tokens; token++)
        {
            // Ranks ascend, so a new domain is one that differs from the last.
            var lastDomain = -1;
            for (var entry = plan.TokenStart[token]; entry < plan.TokenStart[token + 1]; entry++)
            {
                var target = plan.EntryRank[entry];
                isInRank[token * ranks + target] = true;
                var domain = topology.DomainOf(target);
                if (perDomain is not null && domain != lastDomain)
                    perDomain.AsSpan()[domain]++;
                lastDomain = domain;
            }
        }
        return new DispatchLayout(
            Tensor<int>.FromSpan(plan.SendCount.AsSpan(0, ranks), [ranks]),
            perDomain,
            Tensor<int>.FromSpan(builder.TokensPerExpert, [experts]),
            members
        );
    }
}
