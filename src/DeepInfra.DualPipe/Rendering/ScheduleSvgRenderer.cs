// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Security;
using System.Text;
using System.Xml;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Rendering;

/// <summary>
/// Draws time lines as a self-contained SVG: one row per rank, lengths proportional to time, one colour
/// per kind of action, an overlapped pair as one framed cell of two colours, the micro-batch as text
/// (light for slot 0, dark for slot 1), and a tooltip with start and end. The same input gives the same
/// bytes. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// var svg = ScheduleSvgRenderer.Render([result.Trace!.ToTimeline(), simulation.Timeline]);
/// </code>
/// </example>
public static class ScheduleSvgRenderer
{
    private const int Margin = 12;
    private const int LabelWidth = 56;
    private const int TitleHeight = 22;
    private const int AxisHeight = 26;
    private const int LegendHeight = 24;

    private static readonly (string Name, PipelineActionKind Kind, string Colour)[] s_kinds =
    [
        ("forward", PipelineActionKind.Forward, "#3b6fb6"),
        ("backward", PipelineActionKind.Backward, "#3f8f5b"),
        ("backward for inputs", PipelineActionKind.BackwardInput, "#2a9d9d"),
        ("backward for weights", PipelineActionKind.BackwardWeight, "#c98a1b"),
        ("overlapped pair", PipelineActionKind.ForwardBackward, ""),
    ];

    /// <summary>Draws a simulation.</summary>
    /// <param name="result">The simulation.</param>
    /// <param name="options">Looks; null = defaults.</param>
    /// <returns>The SVG document.</returns>
    public static string Render(SimulationResult result, SvgOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(result);
        return Render([result.Timeline], options);
    }

    /// <summary>Draws time lines below each other, for example a measured and a simulated one.</summary>
    /// <param name="timelines">At least one.</param>
    /// <param name="options">Looks; null = defaults.</param>
    /// <returns>The SVG document.</returns>
    /// <exception cref="ArgumentException">There is no time line.</exception>
    public static string Render(
        IReadOnlyList<PipelineTimeline> timelines,
        SvgOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(timelines);
        options ??= new SvgOptions();
        options.Validate();
        if (timelines.Count == 0)
        {
            throw new ArgumentException(
                "expected at least one time line, got none",
                nameof(timelines)
            );
        }

        var width = LabelWidth + options.PlotWidth + (2 * Margin);
        var height = Margin + LegendHeight;
        foreach (var timeline in timelines)
        {
            height += ChartHeight(timeline, options) + Margin;
        }

        var svg = new StringBuilder();
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n"
        );
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        var longest = timelines.Max(t => t.Makespan);
        var top = Margin;
        foreach (var timeline in timelines)
        {
            var span = options.SharedScale ? longest : timeline.Makespan;
            DrawChart(svg, timeline, options, top, span > 0 ? span : 1);
            top += ChartHeight(timeline, options) + Margin;
        }

        DrawLegend(svg, top);
        svg.Append("</svg>\n");
        return svg.ToString();
    }

    private static int ChartHeight(PipelineTimeline timeline, SvgOptions options) =>
        TitleHeight + (timeline.RankCount * options.RowHeight) + AxisHeight;

    private static void DrawChart(
        StringBuilder svg,
        PipelineTimeline timeline,
        SvgOptions options,
        int top,
        double span
    )
    {
        var left = Margin + LabelWidth;
        var scale = options.PlotWidth / span;
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<g transform=\"translate({left} {top + TitleHeight})\">\n"
        );
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<text x=\"0\" y=\"-8\" font-size=\"13\" fill=\"#222222\">{Escape(timeline.Title)}, makespan {Number(timeline.Makespan)}{Unit(timeline)}</text>\n"
        );
        for (var rank = 0; rank < timeline.RankCount; rank++)
        {
            var y = rank * options.RowHeight;
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<text x=\"-8\" y=\"{y + (options.RowHeight / 2) + 4}\" text-anchor=\"end\" fill=\"#222222\">rank {rank}</text>\n"
            );
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<rect x=\"0\" y=\"{y + 1}\" width=\"{Number(timeline.Makespan * scale)}\" height=\"{options.RowHeight - 2}\" fill=\"#eeeeee\"/>\n"
            );
        }

        foreach (var entry in timeline.Entries)
        {
            if (entry.Action.IsCompute)
            {
                DrawCell(svg, timeline, entry, options.RowHeight, scale);
            }
        }

        DrawAxis(svg, timeline, timeline.RankCount * options.RowHeight, scale, span);
        svg.Append("</g>\n");
    }

    private static void DrawCell(
        StringBuilder svg,
        PipelineTimeline timeline,
        in TimelineEntry entry,
        int rowHeight,
        double scale
    )
    {
        var action = entry.Action;
        var x = entry.Start * scale;
        var width = Math.Max(entry.Duration * scale, 0.5);
        var y = (entry.Rank * rowHeight) + 1;
        var height = rowHeight - 2;
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<g><title>rank {entry.Rank}: {action}, {Number(entry.Start)} to {Number(entry.End)}{Unit(timeline)}</title>"
        );
        if (action.Kind == PipelineActionKind.ForwardBackward)
        {
            var half = width / 2;
            Rectangle(svg, x, y, half, height, Colour(PipelineActionKind.Forward), "");
            Rectangle(svg, x + half, y, half, height, Colour(PipelineActionKind.Backward), "");
            Rectangle(svg, x, y, width, height, "none", " stroke=\"#111111\"");
            Text(svg, x + (half / 2), y, half, height, action.MicroBatch, action.Slot);
            Text(svg, x + (1.5 * half), y, half, height, action.MicroBatch2, action.Slot2);
        }
        else
        {
            Rectangle(svg, x, y, width, height, Colour(action.Kind), " stroke=\"#ffffff\"");
            Text(svg, x + (width / 2), y, width, height, action.MicroBatch, action.Slot);
        }

        svg.Append("</g>\n");
    }

    private static void Rectangle(
        StringBuilder svg,
        double x,
        int y,
        double width,
        int height,
        string fill,
        string extra
    ) =>
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<rect x=\"{Number(x)}\" y=\"{y}\" width=\"{Number(width)}\" height=\"{height}\" fill=\"{fill}\"{extra}/>"
        );

    private static void Text(
        StringBuilder svg,
        double x,
        int y,
        double width,
        int height,
        int microBatch,
        int slot
    )
    {
        var label = microBatch.ToString(CultureInfo.InvariantCulture);

        // A label that does not fit would hide its neighbours; the tooltip still has it.
        if (width >= (7 * label.Length) + 2)
        {
            var fill = slot == 0 ? "#ffffff" : "#111111";
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<text x=\"{Number(x)}\" y=\"{y + (height / 2) + 4}\" text-anchor=\"middle\" fill=\"{fill}\">{label}</text>"
            );
        }
    }

    private static void DrawAxis(
        StringBuilder svg,
        PipelineTimeline timeline,
        int y,
        double scale,
        double span
    )
    {
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<line x1=\"0\" y1=\"{y + 2}\" x2=\"{Number(span * scale)}\" y2=\"{y + 2}\" stroke=\"#888888\"/>\n"
        );
        var step = TickStep(span);
        for (var i = 0; i * step <= span * 1.0001; i++)
        {
            var x = i * step * scale;
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<line x1=\"{Number(x)}\" y1=\"{y + 2}\" x2=\"{Number(x)}\" y2=\"{y + 6}\" stroke=\"#888888\"/><text x=\"{Number(x)}\" y=\"{y + 18}\" text-anchor=\"middle\" fill=\"#444444\">{Number(i * step)}{Unit(timeline)}</text>\n"
            );
        }
    }

    private static void DrawLegend(StringBuilder svg, int top)
    {
        var x = Margin + LabelWidth;
        foreach (var (name, kind, _) in s_kinds)
        {
            if (kind == PipelineActionKind.ForwardBackward)
            {
                Rectangle(svg, x, top, 7, 12, Colour(PipelineActionKind.Forward), "");
                Rectangle(svg, x + 7, top, 7, 12, Colour(PipelineActionKind.Backward), "");
                Rectangle(svg, x, top, 14, 12, "none", " stroke=\"#111111\"");
            }
            else
            {
                Rectangle(svg, x, top, 14, 12, Colour(kind), "");
            }

            svg.Append(
                CultureInfo.InvariantCulture,
                $"<text x=\"{x + 20}\" y=\"{top + 10}\" fill=\"#222222\">{name}</text>\n"
            );
            x += 50 + (7 * name.Length);
        }

        svg.Append(
            CultureInfo.InvariantCulture,
            $"<text x=\"{x}\" y=\"{top + 10}\" fill=\"#222222\">number: micro-batch, dark: slot 1</text>\n"
        );
    }

    /// <summary>1, 2 or 5 times a power of ten, giving at most about a dozen ticks.</summary>
    private static double TickStep(double span)
    {
        var raw = span / 12;
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var factor = raw / power;
        return power
            * (
                factor <= 1 ? 1
                : factor <= 2 ? 2
                : factor <= 5 ? 5
                : 10
            );
    }

    private static string Colour(PipelineActionKind kind) => s_kinds[(int)kind].Colour;

    private static string Unit(PipelineTimeline timeline) =>
        timeline.Unit.Length == 0 ? "" : " " + Escape(timeline.Unit);

    /// <summary>Text for XML; characters that no XML document may contain become a question mark.</summary>
    private static string Escape(string text)
    {
        var valid = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (XmlConvert.IsXmlChar(text[i]))
            {
                valid.Append(text[i]);
            }
            else if (i + 1 < text.Length && XmlConvert.IsXmlSurrogatePair(text[i + 1], text[i]))
            {
                valid.Append(text, i++, 2);
            }
            else
            {
                valid.Append('?');
            }
        }

        return SecurityElement.Escape(valid.ToString());
    }

    private static string Number(double value) =>
        Math.Round(value, 3).ToString("0.###", CultureInfo.InvariantCulture);
}
