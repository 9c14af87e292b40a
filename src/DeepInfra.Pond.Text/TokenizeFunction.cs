// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Text;

/// <summary>Encodes the texts of a partition with a tokenizer of its own.</summary>
internal sealed class TokenizeFunction(
    TokenizerSource source,
    string textColumn,
    TokenizeOptions options
)
{
    public IEnumerable<RecordBatch> Run(
        IEnumerable<RecordBatch> batches,
        PondFunctionContext context
    )
    {
        var tokenizer = source.Create();
        Schema? schema = null;
        var total = 0L;
        foreach (var batch in BatchColumns.AtLeastOne(batches))
        {
            var text = BatchColumns.Column<StringArray>(batch, textColumn, "VARCHAR");
            var tokens = new IntListBuilder();
            var counts = new Int32Array.Builder().Reserve(batch.Length);
            for (var i = 0; i < batch.Length; i++)
            {
                if (text.IsNull(i))
                {
                    tokens.AppendNull();
                    counts.AppendNull();
                    continue;
                }

                context.CancellationToken.ThrowIfCancellationRequested();
                var ids = tokenizer.EncodeToIds(text.GetString(i));
                tokens.Append(
                    ids is List<int> list ? CollectionsMarshal.AsSpan(list) : ids.ToArray()
                );
                counts.Append(ids.Count);
            }

            total += tokens.TotalValues;
            var kept = Kept(batch.Schema);
            schema ??= NewSchema(batch.Schema, kept);
#pragma warning disable CA2000 // they belong to the batch
            var columns = kept.Select(batch.Column).Append(tokens.Build());
#pragma warning restore CA2000
            if (options.CountColumn is not null)
            {
                columns = columns.Append(counts.Build());
            }

            yield return new RecordBatch(schema, columns, batch.Length);
        }

        context.Observe("tokens", total);
    }

    private int[] Kept(Schema schema)
    {
        var text = BatchColumns.Index(schema, textColumn);
        return Enumerable
            .Range(0, schema.FieldsList.Count)
            .Where(i => !options.DropText || i != text)
            .ToArray();
    }

    private Schema NewSchema(Schema input, int[] kept)
    {
        var fields = kept.Select(i => input.FieldsList[i])
            .Append(new Field(options.TokensColumn, BatchColumns.IntList, nullable: true));
        if (options.CountColumn is { } count)
        {
            fields = fields.Append(new Field(count, Int32Type.Default, nullable: true));
        }

        return new Schema(fields, null);
    }
}
