// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Text;

namespace EndToEnd.Etl;

/// <summary>The corpus and the tokenizer beside the program; data/PROVENANCE.md says where they come from.</summary>
internal static class ShippedData
{
    /// <summary>The token that ends a document, <c>&lt;|endoftext|&gt;</c>; no text encodes to it.</summary>
    public const int EndOfText = 0;

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "data");

    public static string Corpus => Path.Combine(Folder, "corpus.jsonl.gz");

    /// <summary>The byte-level encoding with 2,048 entries.</summary>
    public static TokenizerSource LoadTokenizer() =>
        TokenizerSource.ByteLevelBpe(
            Path.Combine(Folder, "tokenizer", "vocab.json"),
            Path.Combine(Folder, "tokenizer", "merges.txt")
        );
}
