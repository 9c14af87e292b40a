// SPDX-License-Identifier: MIT
using static DeepInfra.DualPipe.Schedules.PipelineActionKind;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>Compute orders of the schedules other than DualPipe and DualPipeV, one rank at a time.</summary>
internal static class ClassicGenerators
{
    public static void GPipe(ComputeListBuilder list, int microBatchCount)
    {
        Repeat(list, microBatchCount, Forward);
        Repeat(list, microBatchCount, Backward);
    }

    public static void OneForwardOneBackward(
        ComputeListBuilder list,
        int rankCount,
        int microBatchCount
    )
    {
        var warmUp = Math.Min(microBatchCount, rankCount - 1 - list.Rank);
        Repeat(list, warmUp, Forward);
        Repeat(list, microBatchCount - warmUp, Forward, Backward);
        Repeat(list, warmUp, Backward);
    }

    public static void Interleaved(
        ComputeListBuilder list,
        int rankCount,
        int microBatchCount,
        int stagesPerRank,
        int perRound
    )
    {
        var total = microBatchCount * stagesPerRank;
        var warmUp = Math.Min(
            total,
            (2 * (rankCount - 1 - list.Rank)) + ((stagesPerRank - 1) * perRound)
        );
        int forward = 0,
            backward = 0;
        while (forward < warmUp)
        {
            AddForward();
        }

        while (forward < total)
        {
            AddForward();
            AddBackward();
        }

        while (backward < total)
        {
            AddBackward();
        }

        void AddForward() => list.Add(Forward, forward++ / perRound % stagesPerRank);
        void AddBackward() =>
            list.Add(Backward, stagesPerRank - 1 - (backward++ / perRound % stagesPerRank));
    }

    public static void ZeroBubbleH1(ComputeListBuilder list, int rankCount, int microBatchCount)
    {
        var warmUp = Math.Min(microBatchCount, rankCount - 1 - list.Rank);
        Repeat(list, warmUp, Forward);
        for (var i = warmUp; i < microBatchCount; i++)
        {
            Repeat(list, 1, Forward, BackwardInput);
            if (list.Count(BackwardInput, 0) - list.Count(BackwardWeight, 0) > list.Rank)
            {
                list.Add(BackwardWeight);
            }
        }

        Repeat(list, warmUp, BackwardInput, BackwardWeight);
        Repeat(list, microBatchCount - list.Count(BackwardWeight, 0), BackwardWeight);
    }

    public static void ZeroBubbleV(ComputeListBuilder list, int rankCount, int microBatchCount)
    {
        var rank = list.Rank;
        var total = Math.Max(microBatchCount, (2 * rankCount) - 1);
        for (var i = 0; i < (2 * (rankCount - rank)) - 1; i++)
        {
            list.Add(Forward, 0);
        }

        for (var i = 0; i < rank; i++)
        {
            list.Add(Forward, 1);
            list.Add(Forward, 0);
        }

        for (var i = 0; i < rankCount - rank; i++)
        {
            list.Add(Forward, 1);
            InputAndWeight(1);
        }

        while (list.Count(Forward, 1) < list.Count(Forward, 0) || list.Count(Forward, 0) < total)
        {
            if (list.Count(Forward, 0) < total)
            {
                list.Add(Forward, 0);
            }

            InputAndWeight(0);
            list.Add(Forward, 1);
            InputAndWeight(1);
        }

        for (var i = 0; i < rank; i++)
        {
            list.Add(BackwardInput, 0);
            list.Add(BackwardInput, 1);
        }

        for (var i = 0; i < rankCount - rank; i++)
        {
            InputAndWeight(0);
        }

        for (var slot = 1; slot >= 0; slot--)
        {
            while (list.Count(BackwardWeight, slot) < list.Count(BackwardInput, slot))
            {
                list.Add(BackwardWeight, slot);
            }
        }

        void InputAndWeight(int slot)
        {
            list.Add(BackwardInput, slot);
            list.Add(BackwardWeight, slot);
        }
    }

    private static void Repeat(
        ComputeListBuilder list,
        int count,
        params ReadOnlySpan<PipelineActionKind> kinds
    )
    {
        for (var i = 0; i < count; i++)
        {
            foreach (var kind in kinds)
            {
                list.Add(kind);
            }
        }
    }
}
