// SPDX-License-Identifier: MIT
namespace EndToEnd.Etl;

/// <summary>Which documents are worth training on, as SQL conditions.</summary>
internal static class TextRules
{
    public const int LeastCharacters = 500;

    /// <summary>Shorter texts are menus, captions and leftovers.</summary>
    public static string LongEnough { get; } = $"length(text) >= {LeastCharacters}";

    /// <summary>Prose is mostly lower-case letters, and its words are neither very short nor very long.</summary>
    public static string LooksLikeProse { get; } =
        "length(regexp_replace(text, '[^a-z]', '', 'g')) >= 0.6 * length(text) "
        + "AND length(text) BETWEEN 4 * (1 + length(text) - length(replace(text, ' ', ''))) "
        + "AND 10 * (1 + length(text) - length(replace(text, ' ', '')))";
}
