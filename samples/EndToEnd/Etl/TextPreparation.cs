// SPDX-License-Identifier: MIT
using DeepInfra.Pond;
using DeepInfra.Pond.Text;

namespace EndToEnd.Etl;

/// <summary>The steps of the text flow as frames.</summary>
internal static class TextPreparation
{
    public const string Read = "read";
    public const string LongEnough = "long enough";
    public const string Prose = "looks like prose";
    public const string ExactlyUnique = "no exact duplicates";
    public const string NearlyUnique = "no near duplicates";
    public const string Tokenised = "tokenised";

    /// <summary>Names of the measured steps, in order.</summary>
    public static IReadOnlyList<string> Stages { get; } =
    [Read, LongEnough, Prose, ExactlyUnique, NearlyUnique, Tokenised];

    /// <summary>
    /// Documents with a text that is worth training on, each once: columns id, the SHA-256 of the text in
    /// hexadecimal, and text. The hash names a document, so inputs need no identifiers of their own.
    /// </summary>
    public static PondFrame Clean(PondSession pond, RawFormat format, int partitions)
    {
        var raw =
            format == RawFormat.Parquet
                ? pond.ReadParquet(RawText.Source)
                : pond.ReadJsonLines(RawText.Source, PondSchema.Create(("text", "VARCHAR")));
        return raw.Select("text::VARCHAR AS text")
            .Where("text IS NOT NULL")
            .Observe(Read, Counts)
            .Where(TextRules.LongEnough)
            .Observe(LongEnough, Counts)
            .Where(TextRules.LooksLikeProse)
            .Observe(Prose, Counts)
            .Select("sha256(text) AS id, text")
            .ExactDedup(
                "text",
                new ExactDedupOptions
                {
                    Normalize = true,
                    OrderBy = ["id"],
                    Partitions = partitions,
                }
            )
            .Observe(ExactlyUnique, Counts)
            .NearDedup(new NearDedupOptions { IdColumn = "id", TextColumn = "text" })
            .Observe(NearlyUnique, Counts);
    }

    /// <summary>Columns id, bytes (of the text), tokens and token_count.</summary>
    public static PondFrame Tokenize(PondFrame documents, TokenizerSource tokenizer) =>
        documents
            .Select("id, text, strlen(text) AS bytes")
            .Tokenize(tokenizer, "text")
            .Observe(
                Tokenised,
                ("documents", "count(*)"),
                ("bytes", "coalesce(sum(bytes), 0)"),
                ("tokens", "coalesce(sum(token_count), 0)")
            );

    /// <summary>
    /// Writes the documents of one split, in the order of their hashes, as records of one length. What does not fill
    /// the last record is dropped and counted.
    /// </summary>
    public static Task<PondWriteResult> WriteAsync(
        PondFrame tokenized,
        Split split,
        string mount,
        int recordTokens,
        CancellationToken cancellationToken
    ) =>
        tokenized
            .Where(split.Condition)
            .OrderBy(1, "id")
            .PackSequences(
                new PackOptions { SequenceLength = recordTokens, EosId = ShippedData.EndOfText }
            )
            .Named(split.PackStep)
            .WriteShardsAsync(
                $"{mount}:/{split.Path}",
                new ShardOptions { SequenceLength = recordTokens, Mode = WriteMode.Overwrite },
                cancellationToken
            );

    private static (string, string)[] Counts { get; } =
    [("documents", "count(*)"), ("bytes", "coalesce(sum(strlen(text)), 0)")];
}
