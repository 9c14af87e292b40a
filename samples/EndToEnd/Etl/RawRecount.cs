// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
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
            await using var plain = entry.Name.EndsWith(".gz", StringComparison.Ordinal)
                ? new GZipStream(stream, CompressionMode.Decompress)
                : (Stream)stream;
            using var lines = new StreamReader(plain, Encoding.UTF8);
            while (await lines.ReadLineAsync(run.CancellationToken) is { } line)
                if (!string.IsNullOrWhiteSpace(line))
                    recount.Add(line);
        }
        return recount;
    }

    public static string Hash(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private void Add(string line)
    {
        using var json = JsonDocument.Parse(line);
        if (
            !json.RootElement.TryGetProperty("text", out var value)
            || value.ValueKind == JsonValueKind.Null
        )
            return;
        Read++;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.ToString();
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
