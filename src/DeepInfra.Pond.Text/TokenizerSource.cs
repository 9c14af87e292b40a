// SPDX-License-Identifier: MIT
using System.IO.Hashing;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace DeepInfra.Pond.Text;

/// <summary>
/// A tokenizer that can be created once per task: files of a vocabulary, or a factory. Immutable and thread-safe.
/// </summary>
public sealed partial class TokenizerSource
{
    private readonly Func<Tokenizer> _create;

    private TokenizerSource(string identity, Func<Tokenizer> create)
    {
        Identity = identity;
        _create = create;
    }

    /// <summary>Text that changes when the tokens change; part of what makes a stored result reusable.</summary>
    public string Identity { get; }

    /// <summary>
    /// Byte-level byte-pair encoding as GPT-2 defines it: text is cut by GPT-2's pattern, its UTF-8 bytes are mapped to
    /// printable characters, and pairs are merged. Any text can be encoded and comes back unchanged.
    /// </summary>
    /// <param name="vocabularyPath">JSON file: an object of token text to number.</param>
    /// <param name="mergesPath">Text file: two token texts per line, best first; lines that begin with <c>#version</c> are skipped.</param>
    /// <param name="specialTokens">Tokens that are matched in the text as a whole, by text; none by default.</param>
    /// <returns>The source. Files are read here once, to check them.</returns>
    /// <exception cref="PondCorruptFileException">A file is missing or cannot be parsed.</exception>
    public static TokenizerSource ByteLevelBpe(
        string vocabularyPath,
        string mergesPath,
        IReadOnlyDictionary<string, int>? specialTokens = null
    )
    {
        var vocabulary = Read(vocabularyPath);
        var merges = Read(mergesPath);
        return ByteLevelBpe(vocabulary, merges, specialTokens, $"{vocabularyPath}, {mergesPath}");
    }

    /// <summary>Byte-level byte-pair encoding from the contents of its files.</summary>
    /// <param name="vocabulary">JSON: an object of token text to number.</param>
    /// <param name="merges">Text: two token texts per line, best first.</param>
    /// <param name="specialTokens">Tokens that are matched in the text as a whole.</param>
    /// <returns>The source.</returns>
    /// <exception cref="PondCorruptFileException">The contents cannot be parsed.</exception>
    public static TokenizerSource ByteLevelBpe(
        ReadOnlyMemory<byte> vocabulary,
        ReadOnlyMemory<byte> merges,
        IReadOnlyDictionary<string, int>? specialTokens = null
    ) =>
        ByteLevelBpe(
            vocabulary.ToArray(),
            merges.ToArray(),
            specialTokens,
            "vocabulary and merges"
        );

    /// <summary>Any tokenizer.</summary>
    /// <param name="name">Name and version; change it when the tokens change.</param>
    /// <param name="create">Creates a tokenizer; called once per task, on the task's thread.</param>
    /// <returns>The source.</returns>
    public static TokenizerSource FromFactory(string name, Func<Tokenizer> create)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(create);
        return new TokenizerSource("factory " + name, create);
    }

    /// <summary>Creates a tokenizer.</summary>
    /// <returns>A new instance.</returns>
    public Tokenizer Create() => _create();

    private static TokenizerSource ByteLevelBpe(
        byte[] vocabulary,
        byte[] merges,
        IReadOnlyDictionary<string, int>? specialTokens,
        string files
    )
    {
        var special = specialTokens?.ToDictionary(t => t.Key, t => t.Value, StringComparer.Ordinal);
        var entries = TokenizerFiles.ParseVocabulary(vocabulary, files);
        var rules = TokenizerFiles.ParseMerges(merges, files);
        Tokenizer Build()
        {
            try
            {
                return BpeTokenizer.Create(
                    new BpeOptions(entries)
                    {
                        Merges = rules,
                        ByteLevel = true,
                        PreTokenizer = new RegexPreTokenizer(GptPattern(), special),
                        SpecialTokens = special,
                    }
                );
            }
            catch (Exception e)
                when (e is InvalidOperationException or ArgumentException or FormatException)
            {
                throw new PondCorruptFileException(
                    $"{files}: not a byte-level BPE vocabulary: {e.Message}",
                    e
                );
            }
        }

        // Wrong files show up here and not in the middle of a job.
        Build();
        var hash = new XxHash128();
        hash.Append(vocabulary);
        hash.Append(merges);
        var tokens = string.Join(
            ",",
            (special ?? [])
                .OrderBy(t => t.Key, StringComparer.Ordinal)
                .Select(t => $"{t.Key}={t.Value}")
        );
        return new TokenizerSource(
            $"bpe {Convert.ToHexStringLower(hash.GetCurrentHash())} {tokens}",
            Build
        );
    }

    private static byte[] Read(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PondCorruptFileException($"{path} cannot be read: {e.Message}", e);
        }
    }

    [GeneratedRegex(
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex GptPattern();
}
