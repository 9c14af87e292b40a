// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Text;

/// <summary>Steps of a language-model data flow, as frame operations.</summary>
public static partial class TextFrameExtensions
{
    /// <summary>
    /// Keeps one row of each set of rows with equal text: the first in the stated order. Texts are compared by their
    /// 128-bit MD5. Rows whose text is NULL or empty are all kept.
    /// </summary>
    /// <param name="frame">The rows.</param>
    /// <param name="textColumn">VARCHAR column with the text.</param>
    /// <param name="options">Normalisation, order and partitions.</param>
    /// <returns>The remaining rows, hash-partitioned by text.</returns>
    public static PondFrame ExactDedup(
        this PondFrame frame,
        string textColumn,
        ExactDedupOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentException.ThrowIfNullOrWhiteSpace(textColumn);
        options ??= new ExactDedupOptions();
        const string Key = "__text_key__";
        var text = options.NormalizedSql(SqlText.Identifier(textColumn));
        var count = options.Partitions ?? Math.Max(frame.PartitionCount, 4);
        var order =
            options.OrderBy.Count == 0
                ? "COLUMNS(*)"
                : Execution.SortKey.OrderBy(Execution.SortKey.Parse(options.OrderBy));
        // The whole row decides where no order is given, so that the choice never depends on the run.
        var tie =
            options.OrderBy.Count == 0
                ? "hash(pond_row), pond_row"
                : order + ", hash(pond_row), pond_row";
        return frame
            .Select($"*, md5_number({text}) AS {Key}")
            .RepartitionByHash(count, Key)
            .SqlPerPartition(
                $"SELECT * EXCLUDE ({Key}) FROM {{0}} pond_row QUALIFY {Key} IS NULL OR {text} = '' "
                    + $"OR row_number() OVER (PARTITION BY {Key} ORDER BY {tie}) = 1"
            );
    }

    /// <summary>Adds the token numbers of a text column.</summary>
    /// <param name="frame">The rows.</param>
    /// <param name="tokenizer">The tokenizer; each task creates its own.</param>
    /// <param name="textColumn">VARCHAR column with the text; NULL gives NULL.</param>
    /// <param name="options">Names of the new columns.</param>
    /// <returns>A frame with the same partitions.</returns>
    public static PondFrame Tokenize(
        this PondFrame frame,
        TokenizerSource tokenizer,
        string textColumn,
        TokenizeOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentException.ThrowIfNullOrWhiteSpace(textColumn);
        options ??= new TokenizeOptions();
        var work = new TokenizeFunction(tokenizer, textColumn, options);
        return frame.MapStream(
            work.Run,
            new PondFunctionOptions
            {
                Name = "tokenize",
                Version = $"1 {tokenizer.Identity} {textColumn} {options}",
                BatchRows = 2048,
            }
        );
    }

    /// <summary>
    /// Packs the token lists of each partition into samples of one length. Rows are taken in the order of the
    /// partition; sort or shuffle before. The result has the columns <c>tokens</c> INTEGER[], <c>cumulative_lengths</c>
    /// INTEGER[] (0, then the end of each document's piece; the last entry is the sequence length without padding) and
    /// <c>document_ids</c> when <see cref="PackOptions.DocumentIdColumn"/> is set.
    /// </summary>
    /// <param name="frame">Rows with an INTEGER[] column.</param>
    /// <param name="options">Length, marks and mode.</param>
    /// <returns>
    /// A frame of samples with the same partitions. Observations of its name (<c>pack</c> unless named otherwise)
    /// count <c>tokens_in</c>, <c>marks_added</c>, <c>tokens_packed</c>, <c>tokens_dropped</c>, <c>padding</c> and
    /// <c>sequences</c>.
    /// </returns>
    public static PondFrame PackSequences(this PondFrame frame, PackOptions options)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var columns = string.Join(
            ", ",
            new[] { options.TokensColumn, options.DocumentIdColumn }
                .OfType<string>()
                .Select(SqlText.Identifier)
        );
        var work = new PackFunction(options);
        return frame
            .Sql($"SELECT {columns} FROM {{0}}", rowWise: true, ordered: true)
            .MapStream(
                work.Run,
                new PondFunctionOptions
                {
                    Name = "pack",
                    Version = string.Create(CultureInfo.InvariantCulture, $"1 {options}"),
                    BatchRows = 8192,
                }
            )
            .Named("pack");
    }

    /// <summary>
    /// Writes samples as fixed-length records for random access: the tokens of each row, little-endian, and with
    /// <see cref="ShardOptions.IncludePositions"/> the position of each token in its document, where 0 begins a new
    /// one. <see cref="PondRecords.OpenAsync"/> opens the result.
    /// </summary>
    /// <param name="frame">Rows of <see cref="PackSequences"/>.</param>
    /// <param name="path">Directory on the local disk or on a mounted file system.</param>
    /// <param name="options">Length, token type and file size.</param>
    /// <param name="cancellationToken">Stops the work and leaves the target as it was.</param>
    /// <returns>The files.</returns>
    public static Task<PondWriteResult> WriteShardsAsync(
        this PondFrame frame,
        string path,
        ShardOptions options,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var work = new ShardFunction(options);
        return frame
            .MapBatches(
                work.Run,
                new PondFunctionOptions
                {
                    Name = "shard",
                    Version = string.Create(CultureInfo.InvariantCulture, $"1 {options}"),
                    BatchRows = 1024,
                    Schema = PondSchema.Create(("record", "BLOB")),
                }
            )
            .WriteRecordsAsync(
                path,
                "record",
                options.RecordBytes,
                options.SequencesPerShard,
                options.Mode,
                cancellationToken
            );
    }
}
