// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace DeepInfra.Pond.Engine;

/// <summary>Escapes what enters SQL and replaces the placeholders of query templates.</summary>
internal static partial class SqlText
{
    public static string Identifier(string name) =>
        "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    public static string Literal(string value) =>
        "'" + value.Replace("'", "''", StringComparison.Ordinal) + "'";

    public static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Blob(ReadOnlySpan<byte> value)
    {
        var builder = new StringBuilder(value.Length * 4 + 16);
        builder.Append('\'');
        foreach (var b in value)
        {
            builder.Append("\\x").Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        return builder.Append("'::BLOB").ToString();
    }

    /// <summary>A path as a literal for DuckDB's readers, which take <c>* ? [</c> for patterns.</summary>
    public static string ReaderPath(string path)
    {
        if (path.AsSpan().IndexOfAny("*?[") < 0)
        {
            return Literal(path);
        }

        var builder = new StringBuilder(path.Length + 8);
        foreach (var c in path)
        {
            if (c is '*' or '?' or '[')
            {
                builder.Append('[').Append(c).Append(']');
            }
            else
            {
                builder.Append(c);
            }
        }

        return Literal(builder.ToString());
    }

    public static string PathList(IEnumerable<string> paths) =>
        "[" + string.Join(", ", paths.Select(ReaderPath)) + "]";

    public static string Columns(IEnumerable<string> names) =>
        string.Join(", ", names.Select(Identifier));

    /// <summary>A query with no rows and the given columns.</summary>
    public static string EmptySelect(PondSchema schema) =>
        "SELECT "
        + string.Join(", ", schema.Select(c => $"NULL::{c.SqlType} AS {Identifier(c.Name)}"))
        + " WHERE false";

    /// <summary>
    /// Removes white space, comments and semicolons from the end, so that a query can be embedded.
    /// </summary>
    public static string TrimStatement(string sql)
    {
        var end = 0;
        foreach (var token in TokenRegex().EnumerateMatches(sql))
        {
            var text = sql.AsSpan(token.Index, token.Length);
            if (
                text[0] != ';'
                && !char.IsWhiteSpace(text[0])
                && !text.StartsWith("--")
                && !text.StartsWith("/*")
            )
            {
                end = token.Index + token.Length;
            }
        }

        return sql[..end].TrimStart();
    }

    /// <summary>Replaces <c>{name}</c> where <paramref name="value"/> knows the name; other braces stay.</summary>
    public static string Fill(string template, Func<string, string?> value) =>
        PlaceholderRegex().Replace(template, m => value(m.Groups[1].Value) ?? m.Value);

    public static IEnumerable<string> Placeholders(string template) =>
        PlaceholderRegex().Matches(template).Select(m => m.Groups[1].Value);

    /// <summary>Whether a query may give other rows when it is evaluated again.</summary>
    public static bool IsVolatile(string sql) => VolatileRegex().IsMatch(sql);

    // Text with escapes, text, names, dollar quotes, comments (which nest), words, and single characters.
    [GeneratedRegex(
        """
            \b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<![\w$])\$(?<tag>\w*)\$.*?\$\k<tag>\$|--[^\r\n]*|/\*(?>/\*(?<deep>)|\*/(?<-deep>)|(?!/\*|\*/).)*(?(deep)(?!))\*/|\w+|.
            """,
        RegexOptions.CultureInvariant | RegexOptions.Singleline
    )]
    private static partial Regex TokenRegex();

    [GeneratedRegex(@"\{([0-9]+|[A-Za-z_][A-Za-z0-9_]*)\}", RegexOptions.CultureInvariant)]
    private static partial Regex PlaceholderRegex();

    [GeneratedRegex(
        @"\b(random|uuid|gen_random_uuid|uuidv4|uuidv7|setseed|nextval|tablesample|sample|limit)\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex VolatileRegex();
}
