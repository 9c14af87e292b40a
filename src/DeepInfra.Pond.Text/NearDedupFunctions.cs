// SPDX-License-Identifier: MIT
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Text;

/// <summary>The managed parts of near deduplication. Column names are fixed: id, text, a, b.</summary>
internal sealed class NearDedupFunctions(NearDedupOptions options)
{
    private static readonly ListType s_keys = new(new Field("item", UInt64Type.Default, true));

    /// <summary>(id, text) to (id, keys): the band keys of each document, NULL when it is shorter than a shingle.</summary>
    public IEnumerable<RecordBatch> Sign(
        IEnumerable<RecordBatch> batches,
        PondFunctionContext context
    )
    {
        var shingler = new Shingler(options);
        var hash = new MinHash(options.Bands * options.RowsPerBand, options.Seed);
        var signature = new ulong[hash.BufferLength];
        foreach (var batch in BatchColumns.AtLeastOne(batches))
        {
            var texts = BatchColumns.Column<StringArray>(batch, "text", "VARCHAR");
            var keys = new ListArray.Builder(UInt64Type.Default);
            var values = (UInt64Array.Builder)keys.ValueBuilder;
            for (var i = 0; i < batch.Length; i++)
            {
                context.CancellationToken.ThrowIfCancellationRequested();
                var shingles = texts.IsNull(i) ? [] : shingler.Hash(texts.GetBytes(i));
                if (shingles.IsEmpty)
                {
                    keys.AppendNull();
                    continue;
                }

                hash.Sign(shingles, signature);
                keys.Append();
                for (var band = 0; band < options.Bands; band++)
                {
                    values.Append(MinHash.BandKey(signature, band, options.RowsPerBand));
                }
            }

            var id = BatchColumns.Index(batch.Schema, "id");
            var schema = new Schema(
                [batch.Schema.FieldsList[id], new Field("keys", s_keys, nullable: true)],
                null
            );
            yield return new RecordBatch(schema, [batch.Column(id), keys.Build()], batch.Length);
        }
    }

    /// <summary>(a, b, text_a, text_b) sorted by a, to the pairs (a, b) that are similar enough.</summary>
    public IEnumerable<RecordBatch> Verify(
        IEnumerable<RecordBatch> batches,
        PondFunctionContext context
    )
    {
        var shingler = new Shingler(options);
        var candidates = 0L;
        var verified = 0L;
        var left = new HashSet<ulong>();
        var right = new HashSet<ulong>();
        byte[]? leftText = null;
        foreach (var batch in BatchColumns.AtLeastOne(batches))
        {
            var textA = BatchColumns.Column<StringArray>(batch, "text_a", "VARCHAR");
            var textB = BatchColumns.Column<StringArray>(batch, "text_b", "VARCHAR");
            var similar = new BooleanArray.Builder().Reserve(batch.Length);
            for (var i = 0; i < batch.Length; i++)
            {
                context.CancellationToken.ThrowIfCancellationRequested();
                var a = textA.GetBytes(i);
                if (leftText is null || !a.SequenceEqual(leftText))
                {
                    leftText = a.ToArray();
                    Fill(left, shingler.Hash(a));
                }

                Fill(right, shingler.Hash(textB.GetBytes(i)));
                candidates++;
                var keep = Jaccard(left, right) >= options.Threshold;
                verified += keep ? 1 : 0;
                similar.Append(keep);
            }

            var ids = new[]
            {
                BatchColumns.Index(batch.Schema, "a"),
                BatchColumns.Index(batch.Schema, "b"),
            };
            var schema = new Schema(
                [
                    .. ids.Select(c => batch.Schema.FieldsList[c]),
                    new Field("is_similar", BooleanType.Default, nullable: true),
                ],
                null
            );
            yield return new RecordBatch(
                schema,
                [.. ids.Select(batch.Column), similar.Build()],
                batch.Length
            );
        }

        context.Observe("candidates", candidates);
        context.Observe("verified", verified);
    }

    /// <summary>Pairs (a, b) to the identifiers that go: all of a component but the least.</summary>
    public static IEnumerable<RecordBatch> Components(
        IEnumerable<RecordBatch> batches,
        PondFunctionContext context
    )
    {
        IdColumn? ids = null;
        var sets = new DisjointSets();
        foreach (var batch in BatchColumns.AtLeastOne(batches))
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            ids ??= IdColumn.Create(batch.Column(BatchColumns.Index(batch.Schema, "a")));
            var a = batch.Column(BatchColumns.Index(batch.Schema, "a"));
            var b = batch.Column(BatchColumns.Index(batch.Schema, "b"));
            for (var i = 0; i < batch.Length; i++)
            {
                sets.Union(ids.Number(a, i), ids.Number(b, i));
            }
        }

        var removed = ids!.NotLeast(sets, out var components);
        context.Observe("components", components);
        context.Observe("removed", removed.Length);
        yield return new RecordBatch(
            new Schema([new Field("id", removed.Data.DataType, nullable: true)], null),
            [removed],
            removed.Length
        );
    }

    internal static double Jaccard(HashSet<ulong> a, HashSet<ulong> b)
    {
        if (a.Count == 0 || b.Count == 0)
        {
            return 0;
        }

        var (small, large) = a.Count <= b.Count ? (a, b) : (b, a);
        var common = small.Count(large.Contains);
        return (double)common / (a.Count + b.Count - common);
    }

    private static void Fill(HashSet<ulong> set, ReadOnlySpan<ulong> hashes)
    {
        set.Clear();
        foreach (var hash in hashes)
        {
            set.Add(hash);
        }
    }
}
