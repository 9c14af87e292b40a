// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using Apache.Arrow;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Interop;

/// <summary>
/// A stream of record batches that a query of one DuckDB instance reads as <c>pond_stream(id)</c>. Read once, by
/// one thread at a time. Batches stay alive through the garbage collector, because a function may return the same
/// arrays twice.
/// </summary>
internal sealed class ArrowSource : IDisposable
{
    private static readonly ConcurrentDictionary<long, ArrowSource> s_sources = new();
    private static long s_counter;

    private readonly Func<RecordBatch?> _next;
    private readonly ArrowChunks _chunks;
    private RecordBatch? _current;
    private int _offset;

    /// <summary>Creates a source; <paramref name="next"/> returns null at the end.</summary>
    public ArrowSource(DuckInstance instance, Schema schema, Func<RecordBatch?> next)
    {
        _next = next;
        Schema = schema;
        _chunks = new ArrowChunks(
            instance.Connection.NativeConnection.DangerousGetHandle(),
            schema
        );
        Id = Interlocked.Increment(ref s_counter);
        s_sources[Id] = this;
    }

    public long Id { get; }

    public Schema Schema { get; }

    /// <summary>What went wrong inside the query, if anything.</summary>
    public Exception? Error { get; set; }

    public string Sql => $"SELECT * FROM {ArrowFunctions.Stream}({SqlText.Number(Id)})";

    public static ArrowSource Get(long id) =>
        s_sources.GetValueOrDefault(id)
        ?? throw new InvalidOperationException($"There is no Arrow source {id}.");

    public void Bind(nint info) => _chunks.Bind(info);

    public void Fill(nint output)
    {
        while (_current is null || _offset >= _current.Length)
        {
            _offset = 0;
            _current = _next();
            if (_current is null)
            {
                DuckNative.DataChunkSetSize(output, 0);
                return;
            }

            CheckSchema(_current.Schema);
        }

        var count = Math.Min(ArrowChunks.Rows, _current.Length - _offset);
        _chunks.Fill(output, _current, _offset, count);
        _offset += count;
    }

    public void Dispose()
    {
        s_sources.TryRemove(Id, out _);
        _current = null;
        _chunks.Dispose();
    }

    private void CheckSchema(Schema actual)
    {
        var expected = Schema.FieldsList;
        var found = actual.FieldsList;
        var same = ReferenceEquals(actual, Schema) || found.Count == expected.Count;
        for (var i = 0; same && i < expected.Count; i++)
        {
            same =
                found[i].Name == expected[i].Name
                && ArrowTypes.SqlName(found[i].DataType)
                    == ArrowTypes.SqlName(expected[i].DataType);
        }

        if (!same)
        {
            throw new PondSchemaException(
                $"The function changed its columns: expected [{ArrowTypes.Describe(Schema)}], "
                    + $"got [{ArrowTypes.Describe(actual)}]."
            );
        }
    }
}
