// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Text;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// Reads and writes the CSV form of PyTorch's pipeline schedules: one row per rank, one action per cell,
/// an empty cell is an idle slot. Commits are not written: they follow from the order (one in front of
/// every compute action with messages pending), and reading puts them back. The construction steps of
/// DualPipe are not part of the form. Thread-safe.
/// </summary>
public static class ScheduleCsv
{
    /// <summary>Writes a schedule.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="computeOnly">Leaves sends and receives out.</param>
    /// <returns>The text, rows ended by line feeds.</returns>
    public static string Format(PipelineSchedule schedule, bool computeOnly = false)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        var text = new StringBuilder();
        for (var rank = 0; rank < schedule.RankCount; rank++)
        {
            var cells = schedule[rank]
                .Where(a => a.IsCompute || (a.IsMessage && !computeOnly))
                .Select(a => a.ToString());
            text.AppendJoin(',', cells).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Reads a schedule.</summary>
    /// <param name="text">The text.</param>
    /// <param name="placement">
    /// Stage placement; null = the linear, looped, V-shaped or bidirectional one that fits.
    /// </param>
    /// <param name="kind">Kind to give the schedule.</param>
    /// <returns>The schedule; not validated.</returns>
    /// <exception cref="PipelineScheduleException">A cell cannot be read, or no placement fits.</exception>
    public static PipelineSchedule Parse(
        string text,
        IStagePlacement? placement = null,
        PipelineScheduleKind kind = PipelineScheduleKind.Custom
    )
    {
        ArgumentNullException.ThrowIfNull(text);
        var rows = text.Split('\n');
        var count = rows.Length;
        while (count > 0 && string.IsNullOrWhiteSpace(rows[count - 1]))
        {
            count--;
        }

        if (count == 0)
        {
            throw new PipelineScheduleException("the schedule has no rows");
        }

        var parsed = new List<CsvAction>[count];
        for (var row = 0; row < count; row++)
        {
            parsed[row] = ParseRow(rows[row], row);
        }

        var all = parsed.SelectMany(r => r).ToList();
        if (all.Count == 0)
        {
            throw new PipelineScheduleException("the schedule has no actions");
        }

        var stages = all.Max(a => Math.Max(a.Stage, a.Stage2)) + 1;
        var microBatches = all.Max(a => Math.Max(a.MicroBatch, a.MicroBatch2)) + 1;
        if (microBatches > all.Count)
        {
            // Every micro-batch needs an action of its own; a damaged number must not size the tables of those
            // who check the schedule.
            throw new PipelineScheduleException(
                $"the highest micro-batch is {microBatches - 1}, with {all.Count} actions in all"
            );
        }

        placement ??= Infer(parsed, stages, microBatches);
        if (placement.RankCount != count || placement.StageCount < stages)
        {
            throw new PipelineScheduleException(
                $"the text has {count} ranks and {stages} stages, the placement {placement.RankCount} and {placement.StageCount}"
            );
        }

        var lists = new ImmutableArray<PipelineAction>[count];
        for (var rank = 0; rank < count; rank++)
        {
            var builder = new ActionListBuilder();
            foreach (var cell in parsed[rank])
            {
                var action = cell.ToAction(placement, rank);
                if (action.IsMessage)
                {
                    builder.Message(action);
                }
                else
                {
                    builder.Compute(action);
                }
            }

            lists[rank] = builder.Finish();
        }

        var forwardOnly = all.TrueForAll(a =>
            a.Kind
                is PipelineActionKind.Forward
                    or PipelineActionKind.ReceiveForward
                    or PipelineActionKind.SendForward
        );
        return new PipelineSchedule(kind, placement, microBatches, forwardOnly, lists);
    }

    private static List<CsvAction> ParseRow(string row, int rank)
    {
        var actions = new List<CsvAction>();
        var column = 0;
        foreach (var cell in row.Split(','))
        {
            column++;
            var text = cell.Trim();
            if (text.Length == 0)
            {
                continue;
            }

            actions.Add(
                CsvAction.TryParse(text)
                    ?? throw new PipelineScheduleException(
                        $"row {rank}, column {column}: '{text}' is not an action this format supports"
                    )
            );
        }

        return actions;
    }

    private static StagePlacement Infer(List<CsvAction>[] rows, int stages, int microBatches)
    {
        var ranks = rows.Length;
        var candidates = new List<StagePlacement>();
        if (stages % ranks == 0 && stages / ranks <= byte.MaxValue)
        {
            candidates.Add(StagePlacement.Looped(ranks, stages / ranks));
        }

        if (stages == 2 * ranks)
        {
            candidates.Add(StagePlacement.VShape(ranks));
        }

        if (stages == ranks && microBatches % 2 == 0)
        {
            candidates.Add(StagePlacement.Bidirectional(ranks, microBatches));
        }

        return candidates.Find(p => Fits(p, rows))
            ?? throw new PipelineScheduleException(
                $"no placement of {stages} stages on {ranks} ranks fits the rows: pass one"
            );
    }

    private static bool Fits(StagePlacement placement, List<CsvAction>[] rows)
    {
        for (var rank = 0; rank < rows.Length; rank++)
        {
            foreach (var action in rows[rank])
            {
                if (
                    placement.SlotOf(rank, action.Stage, action.MicroBatch) < 0
                    || (
                        action.Stage2 >= 0
                        && placement.SlotOf(rank, action.Stage2, action.MicroBatch2) < 0
                    )
                )
                {
                    return false;
                }
            }
        }

        return true;
    }
}
