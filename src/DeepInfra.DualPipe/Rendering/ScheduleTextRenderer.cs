// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Rendering;

/// <summary>
/// Draws a time line as text: one row per rank, one cell per unit of time, idle time as dots. A cell shows
/// the kind and the micro-batch: <c>F3</c> forward, <c>b3</c> backward, <c>i3</c> backward for the inputs,
/// <c>w3</c> for the weights, <c>F7b2</c> an overlapped pair; the second slot is in brackets. Longer
/// actions fill their cells with dashes. Thread-safe.
/// </summary>
public static class ScheduleTextRenderer
{
    /// <summary>Draws a simulation.</summary>
    /// <param name="result">The simulation.</param>
    /// <returns>The text, rows ended by line feeds.</returns>
    public static string Render(SimulationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return Render(result.Timeline);
    }

    /// <summary>Draws a time line.</summary>
    /// <param name="timeline">The time line.</param>
    /// <param name="unit">Time per cell; null = the shortest compute action.</param>
    /// <returns>The text, rows ended by line feeds.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The unit is not positive, or gives over 100,000 cells.</exception>
    public static string Render(PipelineTimeline timeline, double? unit = null)
    {
        ArgumentNullException.ThrowIfNull(timeline);
        var compute = timeline.Entries.Where(e => e.Action.IsCompute).ToList();
        var step =
            unit
            ?? compute.Where(e => e.Duration > 0).Select(e => e.Duration).DefaultIfEmpty(1).Min();
        var columns = timeline.Makespan / step;
        if (!(step > 0) || columns > 100_000)
        {
            throw new ArgumentOutOfRangeException(
                nameof(unit),
                step,
                "expected a positive unit that gives at most 100,000 cells"
            );
        }

        var width = Math.Max(
            2,
            compute
                .Where(e => e.Action.Kind != PipelineActionKind.ForwardBackward)
                .Select(e => Label(e.Action).Length)
                .DefaultIfEmpty(0)
                .Max()
        );
        var cells = (int)Math.Ceiling(columns - 1e-9);
        var rankDigits = Digits(timeline.RankCount - 1);
        var text = new StringBuilder();
        for (var rank = 0; rank < timeline.RankCount; rank++)
        {
            var row = new char[cells * (width + 1)];
            for (var i = 0; i < row.Length; i++)
            {
                row[i] = i % (width + 1) == width ? ' ' : '.';
            }

            foreach (var entry in compute.Where(e => e.Rank == rank))
            {
                Draw(row, entry, step, width);
            }

            text.Append(rank.ToString(CultureInfo.InvariantCulture).PadLeft(rankDigits));
            text.Append(" | ").Append(new string(row).TrimEnd()).Append('\n');
        }

        return text.ToString();
    }

    private static void Draw(char[] row, in TimelineEntry entry, double step, int width)
    {
        var from = (int)Math.Round(entry.Start / step) * (width + 1);
        var to = ((int)Math.Round(entry.End / step) * (width + 1)) - 1;
        var label = Label(entry.Action);
        var fill = to - from > width ? '-' : ' ';
        for (var i = from; i < to && i < row.Length; i++)
        {
            row[i] = i - from < label.Length ? label[i - from] : fill;
        }
    }

    private static string Label(in PipelineAction action)
    {
        if (action.Kind == PipelineActionKind.ForwardBackward)
        {
            return Bracket($"F{action.MicroBatch}", action.Slot)
                + Bracket($"b{action.MicroBatch2}", action.Slot2);
        }

        var letter = action.Kind switch
        {
            PipelineActionKind.Forward => 'F',
            PipelineActionKind.Backward => 'b',
            PipelineActionKind.BackwardInput => 'i',
            _ => 'w',
        };
        return Bracket($"{letter}{action.MicroBatch}", action.Slot);
    }

    private static string Bracket(string text, int slot) => slot == 1 ? $"[{text}]" : text;

    private static int Digits(int value) => value.ToString(CultureInfo.InvariantCulture).Length;
}
