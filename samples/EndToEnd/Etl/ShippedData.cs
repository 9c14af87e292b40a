// SPDX-License-Identifier: MIT
using Microsoft.ML.Tokenizers;

namespace EndToEnd.Etl;

/// <summary>The corpus and the tokenizer beside the program; data/PROVENANCE.md says where they come from.</summary>
internal static class ShippedData
{
    public const string EndOfText = "<|endoftext|>";

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "data");

    public static string Corpus => Path.Combine(Folder, "corpus.jsonl.gz");

    /// <summary>The byte-level encoding with 2,048 entries.</summary>
    public static Tokenizer LoadTokenizer() =>
        BpeTokenizer.Create(
            new BpeOptions(
                Path.Combine(Folder, "tokenizer", "vocab.json"),
                Path.Combine(Folder, "tokenizer", "merges.txt")
            )
            {
                ByteLevel = true,
                PreTokenizer = new RegexPreTokenizer(WordPattern.Create(), specialTokens: null),
            }
        );
}
