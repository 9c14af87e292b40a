// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>An action as a CSV cell states it: without slot and peer, which follow from the placement.</summary>
internal sealed partial record CsvAction(
    PipelineActionKind Kind,
    int Stage,
    int MicroBatch,
    int Stage2 = -1,
    int MicroBatch2 = -1
)
{
    public static CsvAction? TryParse(string text)
    {
        var overlap = OverlapPattern().Match(text);
        if (overlap.Success)
        {
            return Numbers(overlap) is { } n
                ? new CsvAction(PipelineActionKind.ForwardBackward, n[0], n[1], n[2], n[3])
                : null;
        }

        var single = SinglePattern().Match(text);
        if (!single.Success || Numbers(single) is not { } m)
        {
            return null;
        }

        var kind = single.Groups["kind"].Value switch
        {
            "F" => PipelineActionKind.Forward,
            "B" => PipelineActionKind.Backward,
            "I" => PipelineActionKind.BackwardInput,
            "W" => PipelineActionKind.BackwardWeight,
            "SEND_F" => PipelineActionKind.SendForward,
            "RECV_F" => PipelineActionKind.ReceiveForward,
            "SEND_B" => PipelineActionKind.SendBackward,
            _ => PipelineActionKind.ReceiveBackward,
        };
        return new CsvAction(kind, m[0], m[1]);
    }

    public PipelineAction ToAction(IStagePlacement placement, int rank)
    {
        var slot = Slot(placement, rank, Stage, MicroBatch);
        if (Kind == PipelineActionKind.ForwardBackward)
        {
            var slot2 = Slot(placement, rank, Stage2, MicroBatch2);
            return PipelineAction.Overlap(slot, Stage, MicroBatch, slot2, Stage2, MicroBatch2);
        }

        if (Kind <= PipelineActionKind.BackwardWeight)
        {
            return PipelineAction.Compute(Kind, slot, Stage, MicroBatch);
        }

        var other = Kind is PipelineActionKind.SendForward or PipelineActionKind.ReceiveBackward
            ? Stage + 1
            : Stage - 1;
        if (other < 0 || other >= placement.StageCount)
        {
            throw new PipelineScheduleException(
                $"row {rank}: stage {Stage} has no neighbour for {PipelineAction.Symbol(Kind)}"
            );
        }

        return PipelineAction.Message(
            Kind,
            slot,
            Stage,
            MicroBatch,
            placement.RankOf(other, MicroBatch)
        );
    }

    private static int Slot(IStagePlacement placement, int rank, int stage, int microBatch) =>
        placement.SlotOf(rank, stage, microBatch) is >= 0 and var slot
            ? slot
            : throw new PipelineScheduleException(
                $"row {rank}: the rank does not host stage {stage} for micro-batch {microBatch}"
            );

    /// <summary>The numbered groups; null when one does not fit its field.</summary>
    private static int[]? Numbers(Match match)
    {
        var numbers = new List<int>();
        for (var i = 1; match.Groups[$"n{i}"].Success; i++)
        {
            var isStage = i % 2 == 1;
            if (
                !int.TryParse(
                    match.Groups[$"n{i}"].ValueSpan,
                    NumberStyles.None,
                    CultureInfo.InvariantCulture,
                    out var number
                )
                || number >= (isStage ? short.MaxValue : int.MaxValue / 2)
            )
            {
                return null;
            }

            numbers.Add(number);
        }

        return [.. numbers];
    }

    [GeneratedRegex(
        @"^(?<n1>\d+)(?<kind>SEND_F|RECV_F|SEND_B|RECV_B|F|B|I|W)(?<n2>\d+)$",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex SinglePattern();

    [GeneratedRegex(
        @"^\((?<n1>\d+)F(?<n2>\d+);(?<n3>\d+)B(?<n4>\d+)\)OVERLAP_F_B$",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex OverlapPattern();
}
