// SPDX-License-Identifier: MIT
using System.Text;

namespace EndToEnd.Report;

/// <summary>One self-contained page: no network, no script.</summary>
internal sealed class HtmlReport(string title)
{
    private const string Style = """
        :root { color-scheme: light dark; --ink: #1d2733; --soft: #5c6b73; --line: #d8dee4; --page: #fff; --card: #f6f8fa; --good: #1f8a70; --bad: #b23a48; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --soft: #9aa7b1; --line: #37424c; --page: #12181f; --card: #1a222b; } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
        p.lead, .soft { color: var(--soft); } table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
        td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } .ok { color: var(--good); font-weight: 600; } .failed { color: var(--bad); font-weight: 600; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1rem 0; } .tile { background: var(--card); border-radius: 8px; padding: .8rem 1rem; } .tile b { display: block; font-size: 1.5rem; }
        svg { width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; } .swatch { stroke: var(--line); } .paper { background: #fff; border-radius: 8px; } svg text:not([fill]) { fill: currentColor; } .grid { stroke: var(--line); } .marker { stroke: var(--bad); stroke-dasharray: 4 3; }
        .text { background: var(--card); border-radius: 8px; padding: .8rem 1rem; margin: .8rem 0; white-space: pre-line; } .text p { margin: .3rem 0; } .kind { display: inline-block; width: 5.5rem; color: var(--soft); } table.checks td:first-child { width: 40%; } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; } .scroll { overflow-x: auto; } figure { margin: 1.2rem 0 1.8rem; } figcaption { color: var(--soft); font-size: .93rem; max-width: 60rem; } figcaption b { color: var(--ink); }
        """;

    private readonly StringBuilder _body = new();

    public HtmlReport Section(string heading)
    {
        _body.Append($"<h2>{Svg.Escape(heading)}</h2>\n");
        return this;
    }

    public HtmlReport Paragraph(string text)
    {
        _body.Append($"<p>{Svg.Escape(text)}</p>\n");
        return this;
    }

    /// <param name="title">What is shown.</param>
    /// <param name="caption">How to read it and what to see.</param>
    /// <param name="onPaper">The picture has colours for a white page only.</param>
    public HtmlReport Figure(string title, string svg, string caption, bool onPaper = false)
    {
        _body.Append(
            $"<figure><div class=\"scroll{(onPaper ? " paper" : "")}\">{svg}</div><figcaption><b>{Svg.Escape(title)}.</b> {Svg.Escape(caption)}</figcaption></figure>\n"
        );
        return this;
    }

    public HtmlReport Tiles(params (string Value, string Label)[] tiles)
    {
        _body.Append("<div class=\"tiles\">");
        foreach (var (value, label) in tiles)
            _body.Append(
                $"<div class=\"tile\"><b>{Svg.Escape(value)}</b><span class=\"soft\">{Svg.Escape(label)}</span></div>"
            );
        _body.Append("</div>\n");
        return this;
    }

    /// <summary>A table; columns whose heading ends with '#' are right-aligned numbers.</summary>
    public HtmlReport Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        string Class(int column) => headings[column].EndsWith('#') ? " class=\"number\"" : "";
        _body.Append("<table><tr>");
        for (var i = 0; i < headings.Count; i++)
            _body.Append($"<th{Class(i)}>{Svg.Escape(headings[i].TrimEnd('#'))}</th>");
        _body.Append("</tr>\n");
        foreach (var row in rows)
        {
            _body.Append("<tr>");
            for (var i = 0; i < row.Count; i++)
                _body.Append($"<td{Class(i)}>{Svg.Escape(row[i])}</td>");
            _body.Append("</tr>\n");
        }
        _body.Append("</table>\n");
        return this;
    }

    public HtmlReport Checks(IEnumerable<Checks.Verdict> verdicts)
    {
        _body.Append(
            "<table class=\"checks\"><tr><th>claim</th><th>result</th><th>measured</th></tr>\n"
        );
        foreach (var v in verdicts)
            _body.Append(
                $"<tr><td>{Svg.Escape(v.Claim)}</td><td class=\"{(v.Passed ? "ok" : "failed")}\">{(v.Passed ? "passed" : "failed")}</td><td>{Svg.Escape(v.Evidence)}</td></tr>\n"
            );
        _body.Append("</table>\n");
        return this;
    }

    /// <summary>A prompt and what was written after it.</summary>
    public HtmlReport Text(
        string prompt,
        IEnumerable<(string Kind, string Continuation)> continuations
    )
    {
        _body.Append(
            $"<div class=\"text\"><p><span class=\"kind\">prompt</span>{Svg.Escape(prompt)}</p>"
        );
        foreach (var (kind, continuation) in continuations)
            _body.Append(
                $"<p><span class=\"kind\">{Svg.Escape(kind)}</span><b>{Svg.Escape(continuation)}</b></p>"
            );
        _body.Append("</div>\n");
        return this;
    }

    public HtmlReport Subsection(string heading)
    {
        _body.Append($"<h3>{Svg.Escape(heading)}</h3>\n");
        return this;
    }

    /// <summary>Writes the page beside its final name and renames it, so that no half report is left behind.</summary>
    public void Save(string path, string lead)
    {
        var page = $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Svg.Escape(title)}</title><style>{Style}</style></head>
            <body><h1>{Svg.Escape(title)}</h1><p class="lead">{Svg.Escape(lead)}</p>
            {_body}</body></html>
            """;
        var draft = Draft(path);
        File.WriteAllText(draft, page);
        File.Move(draft, path, overwrite: true);
    }

    /// <summary>Where a report is until it is whole.</summary>
    public static string Draft(string path) => path + ".tmp";
}
