// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace EndToEnd.Etl;

/// <summary>
/// Counts the documents of JSON lines on 3FS step by step, without Pond: what <see cref="TextPreparation"/> must report.
/// </summary>
internal sealed partial class RawRecount
{
    private readonly HashSet<string> _normalised = [];

    public long Read { get; private set; }

    public long LongEnough { get; private set; }

    public long Prose { get; private set; }

    public long ExactlyUnique => _normalised.Count;

    /// <summary>SHA-256 of the text of every document that is long enough and looks like prose.</summary>
    public HashSet<string> Hashes { get; } = [];

    public static async Task<RawRecount> RunAsync(RunContext run)
    {
        var recount = new RawRecount();
        await foreach (
            var entry in run.Files.ListAsync(
                RawText.Folder,
                cancellationToken: run.CancellationToken
            )
        )
        {
            await using var file = await run.Files.OpenReadAsync(entry.Path, run.CancellationToken);
            await using var stream = file.AsStream();
            var lines = JsonLines.ReadAsync(stream, entry.Path, run.CancellationToken);
            await foreach (var text in lines)
                if (text is not null)
                    recount.Add(text);
        }
        return recount;
    }

    public static string Hash(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private void Add(string text)
    {
        Read++;
        var (characters, letters, blanks) = (0L, 0L, 0L);
        foreach (var rune in text.EnumerateRunes())
        {
            characters++;
            letters += rune.Value is >= 'a' and <= 'z' ? 1 : 0;
            blanks += rune.Value == ' ' ? 1 : 0;
        }
        if (characters < TextRules.LeastCharacters)
            return;
        LongEnough++;
        if (
            10 * letters < 6 * characters
            || characters < 4 * (1 + blanks)
            || characters > 10 * (1 + blanks)
        )
            return;
        Prose++;
        Hashes.Add(Hash(text));
        _normalised.Add(
            Hash(
                WhiteSpace()
                    .Replace(
                        text.Normalize(NormalizationForm.FormC).ToLowerInvariant(),
                        static _ => " "
                    )
                    .Trim(' ')
            )
        );
    }

    [GeneratedRegex(@"[\t\n\f\r ]+")]
    private static partial Regex WhiteSpace();
}
