// SPDX-License-Identifier: MIT
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace DeepInfra.CorpusTool;

/// <summary>
/// Trains a byte-level byte-pair encoding (Sennrich et al. 2016, bytes as in GPT-2): words are cut by a
/// pattern, bytes are written as printable characters, and the most frequent adjacent pair is merged until the
/// vocabulary is full. Ties go to the pair that is smaller in ordinal order, so the result is reproducible.
/// </summary>
internal static partial class BpeTrainer
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public const string EndOfText = "<|endoftext|>";

    public static int Train(string corpus, int entries, string folder)
    {
        var words = CountWords(corpus);
        var vocabulary = new List<string> { EndOfText };
        vocabulary.AddRange(
            Enumerable.Range(0, 256).Select(b => ByteText((byte)b)).Order(StringComparer.Ordinal)
        );
        var merges = new List<(string Left, string Right)>();
        while (vocabulary.Count < entries)
        {
            if (BestPair(words) is not { } best)
                break;
            merges.Add(best);
            vocabulary.Add(best.Left + best.Right);
            foreach (var word in words)
                word.Merge(best);
        }

        Directory.CreateDirectory(folder);
        File.WriteAllText(
            Path.Combine(folder, "vocab.json"),
            JsonSerializer.Serialize(
                vocabulary.Select((t, i) => (t, i)).ToDictionary(p => p.t, p => p.i),
                s_json
            ) + "\n"
        );
        File.WriteAllText(
            Path.Combine(folder, "merges.txt"),
            "#version: 0.2\n" + string.Concat(merges.Select(m => $"{m.Left} {m.Right}\n"))
        );
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{vocabulary.Count} entries, {merges.Count} merges"
            )
        );
        return 0;
    }

    private static List<Word> CountWords(string corpus)
    {
        var counts = new Dictionary<string, long>();
        using var reader = new StreamReader(
            new GZipStream(File.OpenRead(corpus), CompressionMode.Decompress)
        );
        while (reader.ReadLine() is { } line)
        {
            using var json = JsonDocument.Parse(line);
            foreach (
                Match match in WordPattern()
                    .Matches(json.RootElement.GetProperty("text").GetString()!)
            )
                counts[match.Value] = counts.GetValueOrDefault(match.Value) + 1;
        }
        return
        [
            .. counts
                .OrderBy(c => c.Key, StringComparer.Ordinal)
                .Select(c => new Word(Encoding.UTF8.GetBytes(c.Key), c.Value)),
        ];
    }

    private static (string Left, string Right)? BestPair(List<Word> words)
    {
        var counts = new Dictionary<(string, string), long>();
        foreach (var word in words)
            for (var i = 0; i + 1 < word.Symbols.Count; i++)
            {
                var pair = (word.Symbols[i], word.Symbols[i + 1]);
                counts[pair] = counts.GetValueOrDefault(pair) + word.Count;
            }
        (string, string)? best = null;
        long bestCount = 1;
        foreach (var (pair, count) in counts)
        {
            var better =
                count > bestCount || (count == bestCount && best is { } b && Compare(pair, b) < 0);
            if (better)
                (best, bestCount) = (pair, count);
        }
        return best;
    }

    private static int Compare((string, string) a, (string, string) b)
    {
        var left = string.CompareOrdinal(a.Item1, b.Item1);
        return left != 0 ? left : string.CompareOrdinal(a.Item2, b.Item2);
    }

    /// <summary>Printable bytes stand for themselves, the others for the characters from U+0100 on.</summary>
    private static string ByteText(byte value)
    {
        static bool Printable(int b) => b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
        return Printable(value)
            ? ((char)value).ToString()
            : ((char)(256 + Enumerable.Range(0, value).Count(b => !Printable(b)))).ToString();
    }

    [GeneratedRegex(@"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex WordPattern();

    private sealed class Word(byte[] bytes, long count)
    {
        public List<string> Symbols { get; } = [.. bytes.Select(ByteText)];

        public long Count { get; } = count;

        public void Merge((string Left, string Right) pair)
        {
            for (var i = 0; i + 1 < Symbols.Count; i++)
                if (Symbols[i] == pair.Left && Symbols[i + 1] == pair.Right)
                {
                    Symbols[i] = pair.Left + pair.Right;
                    Symbols.RemoveAt(i + 1);
                }
        }
    }
}
