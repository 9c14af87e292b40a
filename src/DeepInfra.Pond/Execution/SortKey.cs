// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.RegularExpressions;

namespace DeepInfra.Pond.Execution;

/// <summary>One entry of an order: an expression, a direction and the place of NULLs.</summary>
internal sealed partial record SortKey(string Expression, bool Descending, bool NullsFirst)
{
    public string OrderSql =>
        $"({Expression}\n) {(Descending ? "DESC" : "ASC")} NULLS {(NullsFirst ? "FIRST" : "LAST")}";

    public static IReadOnlyList<SortKey> Parse(IReadOnlyList<string> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (keys.Count == 0)
        {
            throw new ArgumentException(
                "keys: expected at least one sort key, got none.",
                nameof(keys)
            );
        }

        return keys.Select(Parse).ToArray();
    }

    public static string OrderBy(IReadOnlyList<SortKey> keys) =>
        string.Join(", ", keys.Select(k => k.OrderSql));

    /// <summary>
    /// A BLOB whose byte order is the wanted order. The constant at the end keeps it one: keys of a few bytes,
    /// such as one INTEGER, would become a BIGINT.
    /// </summary>
    public static string NormalizedSql(IReadOnlyList<SortKey> keys) =>
        "create_sort_key("
        + string.Concat(
            keys.Select(k =>
                $"({k.Expression}\n), '{(k.Descending ? "DESC" : "ASC")} NULLS {(k.NullsFirst ? "FIRST" : "LAST")}', "
            )
        )
        + "'', 'ASC NULLS LAST')";

    /// <summary>Refuses keys that <see cref="NormalizedSql"/> would order in another way than ORDER BY.</summary>
    public static void CheckNormalizable(IReadOnlyList<SortKey> keys)
    {
        foreach (var key in keys)
        {
            if (CollateRegex().IsMatch(Outside(key.Expression)))
            {
                throw new NotSupportedException(
                    $"Sort key '{key.Expression}': ranges are cut in binary order, without collations; sort by an expression such as lower(x) instead."
                );
            }
        }
    }

    private static SortKey Parse(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        var match = SuffixRegex().Match(text);
        var expression = match.Groups["e"].Value;
        if (string.IsNullOrWhiteSpace(expression) || DirectionRegex().IsMatch(expression))
        {
            throw new ArgumentException($"Sort key '{text}' has no expression.");
        }

        var outside = Outside(expression);
        if (outside.Contains(',', StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"Sort key '{text}' is a list; pass each key as an argument of its own."
            );
        }

        if (PositionRegex().IsMatch(outside))
        {
            throw new ArgumentException(
                $"Sort key '{text}' is a number; expected a column or an expression."
            );
        }

        return new SortKey(
            expression,
            match.Groups["d"].Value.Equals("desc", StringComparison.OrdinalIgnoreCase),
            match.Groups["n"].Value.Equals("first", StringComparison.OrdinalIgnoreCase)
        );
    }

    /// <summary>The text that stands outside of quotes, comments and brackets.</summary>
    private static string Outside(string sql)
    {
        var text = new StringBuilder(sql.Length);
        var depth = 0;
        foreach (var part in TokenRegex().EnumerateMatches(sql))
        {
            var token = sql.AsSpan(part.Index, part.Length);
            switch (token[0])
            {
                case '(' or '[' or '{':
                    depth++;
                    break;
                case ')' or ']' or '}':
                    depth--;
                    break;
            }

            if (depth == 0)
            {
                // Quoted text counts as one word.
                text.Append(part.Length == 1 ? token : "q");
            }
        }

        return text.ToString();
    }

    [GeneratedRegex(
        """
            '(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|.
            """,
        RegexOptions.CultureInvariant | RegexOptions.Singleline
    )]
    private static partial Regex TokenRegex();

    [GeneratedRegex(@"\bcollate\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex CollateRegex();

    [GeneratedRegex(@"^(asc|desc)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex DirectionRegex();

    [GeneratedRegex(@"^\s*[-+]?[0-9]+\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex PositionRegex();

    [GeneratedRegex(
        @"^\s*(?<e>.*?)(\s+(?<d>asc|desc))?(\s+nulls\s+(?<n>first|last))?\s*$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline
    )]
    private static partial Regex SuffixRegex();
}
