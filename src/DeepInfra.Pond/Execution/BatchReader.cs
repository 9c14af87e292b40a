// SPDX-License-Identifier: MIT
using System.Collections;
using Apache.Arrow;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Joins the engine's small batches to batches of exactly the wanted row count, or fewer when a batch would
/// become too large in bytes; the last one may be shorter. Enumerated once.
/// </summary>
internal sealed class BatchReader(ArrowQuery query, int batchRows, long maxBytes)
    : IEnumerable<RecordBatch>
{
    /// <summary>Offsets into a column of a joined batch have 32 bits.</summary>
    private const long MostBytes = int.MaxValue;

    public Schema Schema => query.Schema;

    public IEnumerator<RecordBatch> GetEnumerator()
    {
        var parts = new List<RecordBatch>();
        var rows = 0;
        var bytes = 0L;
        while (query.Next() is { } batch)
        {
            var size = Size(batch);
            if (rows > 0 && bytes + size > MostBytes)
            {
                yield return Join(parts, rows);
                rows = 0;
                bytes = 0;
            }

            var offset = 0;
            while (offset < batch.Length)
            {
                var take = Math.Min(batchRows - rows, batch.Length - offset);
                parts.Add(batch.SliceShared(offset, take));
                rows += take;
                bytes += (long)((double)size * take / batch.Length);
                offset += take;
                if (rows == batchRows || bytes >= maxBytes)
                {
                    yield return Join(parts, rows);
                    rows = 0;
                    bytes = 0;
                }
            }

            batch.Dispose();
        }

        if (rows > 0)
        {
            yield return Join(parts, rows);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Copies the parts into one batch that the function may keep; releases the parts.</summary>
    private RecordBatch Join(List<RecordBatch> parts, int rows)
    {
        var columns = new IArrowArray[Schema.FieldsList.Count];
        for (var i = 0; i < columns.Length; i++)
        {
            columns[i] = ArrowArrayConcatenator.Concatenate(parts.ConvertAll(p => p.Column(i)));
        }

        if (parts.Count == 1)
        {
            // Concatenating one array returns it, so the part must stay alive.
            parts.Clear();
            return new RecordBatch(Schema, columns, rows);
        }

        foreach (var part in parts)
        {
            part.Dispose();
        }

        parts.Clear();
        return new RecordBatch(Schema, columns, rows);
    }

    private static long Size(RecordBatch batch) => batch.Arrays.Sum(a => Size(a.Data));

    private static long Size(ArrayData data) =>
        data.Buffers.Sum(b => (long)b.Length)
        + (data.Children?.Sum(c => c is null ? 0 : Size(c)) ?? 0)
        + (data.Dictionary is null ? 0 : Size(data.Dictionary));
}
