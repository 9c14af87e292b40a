// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Net;
using System.Text;

namespace EndToEnd.Report;

/// <summary>Small inline charts. Every chart has a title for screen readers and labels its own axes.</summary>
internal static class Svg
{
    private const int Width = 1060;
    private static readonly string[] s_colours =
    [
        "#2563a8",
        "#d9822b",
        "#1f8a70",
        "#9b4dca",
        "#b23a48",
        "#5c6b73",
    ];

    /// <summary>Lines over a common horizontal axis, with direct labels at their ends.</summary>
    public static string Lines(string title, string xLabel, string yLabel, params Series[] series)
    {
        const int height = 340,
            left = 56,
            right = 190,
            top = 16,
            bottom = 40;
        var points = series.SelectMany(s => s.Points).ToList();
        if (points.Count == 0)
            return "<p>No data.</p>";
        var (minX, maxX) = (
            points.Min(p => p.X),
            Math.Max(points.Max(p => p.X), points.Min(p => p.X) + 1e-9)
        );
        var (minY, maxY) = (points.Min(p => p.Y), points.Max(p => p.Y));
        var margin = Math.Max((maxY - minY) * 0.06, 1e-9);
        (minY, maxY) = (minY - margin, maxY + margin);
        double X(double x) => left + (x - minX) / (maxX - minX) * (Width - left - right);
        double Y(double y) => top + (maxY - y) / (maxY - minY) * (height - top - bottom);

        var svg = Open(title, height);
        foreach (var tick in Ticks(minY, maxY))
        {
            svg.Append(
                Text(
                    $"<line x1=\"{left}\" x2=\"{Width - right}\" y1=\"{Y(tick):0.#}\" y2=\"{Y(tick):0.#}\" class=\"grid\"/>"
                )
            );
            svg.Append(Label(left - 8, Y(tick) + 4, Number(tick), "end"));
        }
        foreach (var tick in Ticks(minX, maxX))
            svg.Append(Label(X(tick), height - bottom + 18, Number(tick), "middle"));
        svg.Append(Label((left + Width - right) / 2.0, height - 4, xLabel, "middle"));
        svg.Append(
            Text(
                $"<text transform=\"translate(14 {height / 2}) rotate(-90)\" text-anchor=\"middle\">{Escape(yLabel)}</text>"
            )
        );
        for (var i = 0; i < series.Length; i++)
        {
            var colour = s_colours[i % s_colours.Length];
            var path = string.Join(
                ' ',
                series[i].Points.Select(p => Text($"{X(p.X):0.##},{Y(p.Y):0.##}"))
            );
            var dash = series[i].Dashed ? " stroke-dasharray=\"5 4\"" : "";
            svg.Append(
                $"<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>"
            );
        }
        // Labels at the ends of the lines, moved apart where lines end close together.
        var lastLabel = double.NegativeInfinity;
        foreach (
            var i in Enumerable.Range(0, series.Length).OrderBy(i => Y(series[i].Points[^1].Y))
        )
        {
            var end = series[i].Points[^1];
            lastLabel = Math.Max(Y(end.Y) + 4, lastLabel + 15);
            svg.Append(
                Text(
                    $"<text x=\"{X(end.X) + 6:0.#}\" y=\"{lastLabel:0.#}\" fill=\"{s_colours[i % s_colours.Length]}\">{Escape(series[i].Name)} {Number(end.Y)}</text>"
                )
            );
        }
        return svg.Append("</svg>").ToString();
    }

    /// <summary>Horizontal bars with their values; <paramref name="reference"/> draws a marker line.</summary>
    public static string Bars(
        string title,
        IReadOnlyList<(string Label, double Value, string Text)> bars,
        double? reference = null
    )
    {
        const int row = 30,
            left = 300,
            right = 330;
        var height = bars.Count * row + 12;
        var max = Math.Max(bars.Max(b => b.Value), reference ?? 0);
        double Length(double value) => max <= 0 ? 0 : value / max * (Width - left - right);
        var svg = Open(title, height);
        for (var i = 0; i < bars.Count; i++)
        {
            var y = 6 + i * row;
            svg.Append(Label(left - 10, y + 17, bars[i].Label, "end"));
            svg.Append(
                Text(
                    $"<rect x=\"{left}\" y=\"{y}\" width=\"{Length(bars[i].Value):0.#}\" height=\"{row - 6}\" rx=\"2\" fill=\"{s_colours[0]}\"/>"
                )
            );
            svg.Append(Label(left + Length(bars[i].Value) + 8, y + 17, bars[i].Text, "start"));
        }
        if (reference is { } at)
            svg.Append(
                Text(
                    $"<line x1=\"{left + Length(at):0.#}\" x2=\"{left + Length(at):0.#}\" y1=\"0\" y2=\"{height}\" class=\"marker\"/>"
                )
            );
        return svg.Append("</svg>").ToString();
    }

    /// <summary>
    /// Cells shaded by value, one row per label: for example the load of experts over steps. A scale below says what the
    /// shades mean.
    /// </summary>
    public static string HeatMap(
        string title,
        IReadOnlyList<string> rows,
        IReadOnlyList<double[]> columns,
        string columnLabel,
        string scaleLabel,
        Func<double, string> format
    )
    {
        const int row = 24,
            left = 90,
            swatch = 40;
        var height = rows.Count * row + 66;
        var max = columns.SelectMany(c => c).DefaultIfEmpty(1).Max();
        var cell = (Width - left - 10) / (double)Math.Max(columns.Count, 1);
        var svg = Open(title, height);
        for (var r = 0; r < rows.Count; r++)
        {
            svg.Append(Label(left - 8, r * row + 16, rows[r], "end"));
            for (var c = 0; c < columns.Count; c++)
                svg.Append(
                    Text(
                        $"<rect x=\"{left + c * cell:0.##}\" y=\"{r * row}\" width=\"{cell + 0.3:0.##}\" height=\"{row - 2}\" fill=\"{s_colours[0]}\" fill-opacity=\"{(max > 0 ? columns[c][r] / max : 0):0.###}\"/>"
                    )
                );
        }
        var below = rows.Count * row + 14;
        svg.Append(Label(left, below, $"{columnLabel} 1", "start"));
        svg.Append(Label(Width - 10, below, $"{columnLabel} {columns.Count}", "end"));
        var scale = left;
        svg.Append(Label(scale, below + 36, scaleLabel, "start"));
        scale += 12 + 8 * scaleLabel.Length;
        for (var i = 0; i <= 4; i++)
        {
            svg.Append(
                Text(
                    $"<rect x=\"{scale}\" y=\"{below + 22}\" width=\"{swatch}\" height=\"18\" fill=\"{s_colours[0]}\" fill-opacity=\"{i / 4.0:0.##}\" class=\"swatch\"/>"
                )
            );
            svg.Append(Label(scale + swatch + 6, below + 36, format(max * i / 4), "start"));
            scale += swatch + 70;
        }
        return svg.Append("</svg>").ToString();
    }

    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    public static string Number(double value) =>
        Math.Abs(value) switch
        {
            >= 1_000 => value.ToString("#,0", CultureInfo.InvariantCulture),
            >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
            >= 1 => value.ToString("0.##", CultureInfo.InvariantCulture),
            0 => "0",
            _ => value.ToString("0.###", CultureInfo.InvariantCulture),
        };

    private static StringBuilder Open(string title, int height) =>
        new StringBuilder().Append(
            $"<svg viewBox=\"0 0 {Width} {height}\" role=\"img\"><title>{Escape(title)}</title>"
        );

    private static string Label(double x, double y, string text, string anchor) =>
        Text($"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"{anchor}\">{Escape(text)}</text>");

    private static IEnumerable<double> Ticks(double min, double max)
    {
        var raw = (max - min) / 5;
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step =
            power
            * (
                raw / power < 1.5 ? 1
                : raw / power < 3.5 ? 2
                : raw / power < 7.5 ? 5
                : 10
            );
        for (var tick = Math.Ceiling(min / step) * step; tick <= max; tick += step)
            yield return tick;
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
