// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace DeepInfra.BindingsGenerator;

/// <summary>
/// Finds the comment in front of a declaration in the text of the header. (clang's own comment nodes know Doxygen's commands
/// only and drop the rest.)
/// </summary>
internal sealed partial class CommentReader
{
    private readonly Dictionary<string, string[]> _lines = [];

    /// <summary>The run of <c>//</c> lines that ends right above a place.</summary>
    public HeaderComment Read(Place place)
    {
        var lines = LinesOf(place.File);
        // A declaration's name may stand below its first line: climb to the line after the comment or a blank one.
        var end = place.Line - 1;
        while (end > 0 && !IsComment(lines[end - 1]) && !EndsDeclaration(lines[end - 1]))
            end--;
        var begin = end;
        while (begin > 0 && IsComment(lines[begin - 1]))
            begin--;
        if (begin == end)
            return HeaderComment.None;

        List<string> text = [];
        var parameters = new Dictionary<string, string>();
        var annotations = new Dictionary<string, string>();
        string? current = null;
        foreach (var line in lines[begin..end])
        {
            var content = line.Trim().TrimStart('/').Trim();
            if (Annotation().Match(content) is { Success: true } annotation)
            {
                annotations[annotation.Groups["key"].Value] = annotation.Groups["value"].Value;
                current = null;
            }
            else if (Parameter().Match(content) is { Success: true } parameter)
            {
                current = parameter.Groups["name"].Value;
                parameters[current] = parameter.Groups["text"].Value;
            }
            else if (current is not null)
            {
                parameters[current] += " " + content;
            }
            else if (!content.StartsWith("SPDX", StringComparison.Ordinal))
            {
                text.Add(content);
            }
        }
        return new HeaderComment(text, parameters, annotations);
    }

    private string[] LinesOf(string file)
    {
        if (!_lines.TryGetValue(file, out var lines))
            _lines[file] = lines = File.ReadAllLines(file);
        return lines;
    }

    private static bool IsComment(string line) =>
        line.TrimStart().StartsWith("//", StringComparison.Ordinal);

    private static bool EndsDeclaration(string line)
    {
        var text = line.Trim();
        return text.Length == 0 || text.StartsWith('#') || text[^1] is ';' or '{' or '}' or ',';
    }

    [GeneratedRegex(@"^@(?<key>handle|enum|managed|name):\s*(?<value>\S+)$")]
    private static partial Regex Annotation();

    [GeneratedRegex(@"^@param\s+(?<name>\w+)\s+(?<text>.*)$")]
    private static partial Regex Parameter();
}
