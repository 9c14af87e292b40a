// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace DeepInfra.Pond.Execution;

/// <summary>One entry of an order: an expression, a direction and the place of NULLs.</summary>
internal sealed partial record SortKey(string Expression, bool Descending, bool NullsFirst)
{
    public string OrderSql =>
        $"({Expression}) {(Descending ? "DESC" : "ASC")} NULLS {(NullsFirst ? "FIRST" : "LAST")}";

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

    /// <summary>A BLOB whose byte order is the wanted order.</summary>
    public static string NormalizedSql(IReadOnlyList<SortKey> keys) =>
        "create_sort_key("
        + string.Join(
            ", ",
            keys.Select(k =>
                $"({k.Expression}), '{(k.Descending ? "DESC" : "ASC")} NULLS {(k.NullsFirst ? "FIRST" : "LAST")}'"
            )
        )
        + ")";

    private static SortKey Parse(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        var match = SuffixRegex().Match(text);
        var expression = match.Groups["e"].Value;
        if (string.IsNullOrWhiteSpace(expression))
        {
            throw new ArgumentException($"Sort key '{text}' has no expression.");
        }

        return new SortKey(
            expression,
            match.Groups["d"].Value.Equals("desc", StringComparison.OrdinalIgnoreCase),
            match.Groups["n"].Value.Equals("first", StringComparison.OrdinalIgnoreCase)
        );
    }

    [GeneratedRegex(
        @"^\s*(?<e>.*?)(\s+(?<d>asc|desc))?(\s+nulls\s+(?<n>first|last))?\s*$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline
    )]
    private static partial Regex SuffixRegex();
}
