// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Fs;
using DeepInfra.Pond;
using EndToEnd.Training;
using Microsoft.ML.Tokenizers;

namespace EndToEnd.Etl;

/// <summary>The steps of the text flow as frames.</summary>
internal static class TextPreparation
{
    /// <summary>Names of the measured steps, in order.</summary>
    public static IReadOnlyList<string> Stages { get; } =
    ["read", "long enough", "looks like prose", "no exact duplicates", "tokenised"];

    /// <summary>Documents with a text that are worth training on, hash-partitioned by content.</summary>
    public static PondFrame Build(PondSession pond, RawFormat format, int partitions)
    {
        var raw =
            format == RawFormat.Parquet
                ? pond.ReadParquet("3fs://raw")
                : pond.ReadJsonLines("3fs://raw");
        return raw.Select("id::VARCHAR AS id, text::VARCHAR AS text")
            .Where("text IS NOT NULL")
            .Observe("read", Counts)
            .Where("length(text) >= 500")
            .Observe("long enough", Counts)
            // Prose is mostly lower-case letters, and its words are neither very short nor very long.
            .Where(
                "length(regexp_replace(text, '[^a-z]', '', 'g')) >= 0.6 * length(text) "
                    + "AND length(text) BETWEEN 4 * (1 + length(text) - length(replace(text, ' ', ''))) AND 10 * (1 + length(text) - length(replace(text, ' ', '')))"
            )
            .Observe("looks like prose", Counts)
            .Select("id, text, md5(lower(regexp_replace(text, '\\s+', ' ', 'g'))) AS content")
            .RepartitionByHash(partitions, "content")
            .SqlPerPartition(
                "SELECT min(id) AS id, arg_min(text, id) AS text FROM {0} GROUP BY content"
            )
            .Observe("no exact duplicates", Counts);
    }

    /// <summary>Token ids as little-endian int32, ending with the end-of-text token, and the split of each document.</summary>
    public static PondFrame Tokenize(this PondFrame documents, Tokenizer tokenizer) =>
        documents
            .Select(row => new TokenizedDocument(
                row.GetString("id")!,
                row.GetString("text")!,
                MemoryMarshal
                    .AsBytes<int>([.. tokenizer.EncodeToIds(row.GetString("text")!), 0])
                    .ToArray()
            ))
            .Observe(
                "tokenised",
                ("documents", "count(*)"),
                ("bytes", "sum(strlen(Text))"),
                ("tokens", "sum(octet_length(Tokens) / 4)")
            );

    /// <summary>Packs the documents of one split into sequences without losing a token between documents.</summary>
    public static async Task PackAsync(
        PondFrame tokenized,
        IFileSystem files,
        string folder,
        string split,
        int sequenceLength,
        RunContext run
    )
    {
        // One document in sixteen is held out, chosen by its id.
        var condition = split == "validation" ? "hash(Id) % 16 = 0" : "hash(Id) % 16 <> 0";
        var ordered = tokenized
            .Where(condition)
            .SqlPerPartition("SELECT Id, Tokens FROM {0} ORDER BY Id");
        await files.CreateDirectoryAsync(folder, run.CancellationToken);
        var draft = $"{folder}/sequences.tmp";
        await using (
            var file = await files.CreateAsync(draft, cancellationToken: run.CancellationToken)
        )
        {
            await using var stream = file.AsStream();
            var pending = new List<byte>();
            var recordBytes = SequenceDataset.RecordBytes(sequenceLength);
            await foreach (
                var document in ordered.ToAsyncEnumerable<PackedInput>(run.CancellationToken)
            )
            {
                pending.AddRange(document.Tokens);
                var whole = pending.Count / recordBytes * recordBytes;
                await stream.WriteAsync(pending[..whole].ToArray(), run.CancellationToken);
                pending.RemoveRange(0, whole);
            }
            await stream.FlushAsync(run.CancellationToken);
        }
        await files.RenameAsync(draft, $"{folder}/sequences.bin", run.CancellationToken);
    }

    private static (string, string)[] Counts { get; } =
    [("documents", "count(*)"), ("bytes", "sum(strlen(text))")];

    private sealed record TokenizedDocument(string Id, string Text, byte[] Tokens);

    private sealed record PackedInput(string Id, byte[] Tokens);
}
