// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;

namespace DeepInfra.Pond.Text.Tests;

/// <summary>A byte-level vocabulary: 256 bytes, an end mark and a few merges.</summary>
internal static class TinyVocabulary
{
    public const int Eos = 256;

    public static byte[] Vocabulary { get; }

    public static byte[] Merges { get; }

    static TinyVocabulary()
    {
        var tokens = new Dictionary<string, int>();
        for (var b = 0; b < 256; b++)
        {
            tokens[ByteText((byte)b)] = b;
        }

        tokens["<|endoftext|>"] = Eos;
        var merges = new StringBuilder("#version: 0.2\n");
        foreach (
            var (left, right) in new[]
            {
                ("t", "h"),
                ("th", "e"),
                ("Ġ", "the"),
                ("a", "n"),
                ("an", "d"),
            }
        )
        {
            merges.Append(left).Append(' ').Append(right).Append('\n');
            tokens[left + right] = tokens.Count;
        }

        Vocabulary = JsonSerializer.SerializeToUtf8Bytes(tokens);
        Merges = Encoding.UTF8.GetBytes(merges.ToString());
        Source = TokenizerSource.ByteLevelBpe(Vocabulary, Merges);
    }

    public static TokenizerSource Source { get; }

    /// <summary>GPT-2's printable stand-in for a byte.</summary>
    private static string ByteText(byte value)
    {
        static bool Printable(int b) =>
            b is >= 33 and <= 126 or >= 161 and <= 172 or >= 174 and <= 255;
        return Printable(value)
            ? ((char)value).ToString()
            : ((char)(256 + Enumerable.Range(0, value).Count(b => !Printable(b)))).ToString();
    }
}
