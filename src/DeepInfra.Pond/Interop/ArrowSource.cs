// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.C;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Interop;

/// <summary>
/// Record batches that a query of one DuckDB instance reads as <c>pond_arrow(id)</c>. Read once, by one
/// thread at a time. Batches stay alive through the garbage collector, because a function may return the same
/// arrays twice.
/// </summary>
internal sealed unsafe class ArrowSource : IDisposable
{
    private const int VectorSize = 2048;
    private static readonly ConcurrentDictionary<long, ArrowSource> s_sources = new();
    private static long s_counter;

    private readonly nint _connection;
    private readonly Func<RecordBatch?> _next;
    private readonly byte[][] _names;
    private readonly nint[] _types;
    private nint _converted;
    private RecordBatch? _current;
    private int _offset;

    /// <summary>Creates a source; <paramref name="next"/> returns null at the end.</summary>
    public ArrowSource(DuckInstance instance, Schema schema, Func<RecordBatch?> next)
    {
        instance.EnsureArrowSource();
        _connection = instance.Connection.NativeConnection.DangerousGetHandle();
        _next = next;
        Schema = schema;
        _names = schema.FieldsList.Select(f => Encoding.UTF8.GetBytes(f.Name + "\0")).ToArray();
        _types = new nint[_names.Length];
        try
        {
            Convert();
        }
        catch
        {
            Release();
            throw;
        }

        Id = Interlocked.Increment(ref s_counter);
        s_sources[Id] = this;
    }

    public long Id { get; }

    public Schema Schema { get; }

    public long Rows { get; private set; }

    /// <summary>What went wrong inside the query, if anything.</summary>
    public Exception? Error { get; set; }

    public string Sql => $"SELECT * FROM pond_arrow({SqlText.Number(Id)})";

    public static ArrowSource? Find(long id) => s_sources.GetValueOrDefault(id);

    public void Bind(nint info)
    {
        for (var i = 0; i < _names.Length; i++)
        {
            fixed (byte* name = _names[i])
            {
                DuckNative.BindAddResultColumn(info, name, _types[i]);
            }
        }
    }

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

        var count = Math.Min(VectorSize, _current.Length - _offset);
        var chunk = ToChunk(_current, _offset, count);
        for (var i = 0; i < _names.Length; i++)
        {
            DuckNative.VectorReferenceVector(
                DuckNative.DataChunkGetVector(output, (ulong)i),
                DuckNative.DataChunkGetVector(chunk, (ulong)i)
            );
        }

        DuckNative.DataChunkSetSize(output, (ulong)count);
        DuckNative.DestroyDataChunk(&chunk);
        _offset += count;
        Rows += count;
    }

    public void Dispose()
    {
        s_sources.TryRemove(Id, out _);
        _current = null;
        Release();
    }

    private void Convert()
    {
        var exported = CArrowSchema.Create();
        try
        {
            CArrowSchemaExporter.ExportSchema(Schema, exported);
            nint converted;
            Check(DuckNative.SchemaFromArrow(_connection, exported, &converted));
            _converted = converted;
        }
        finally
        {
            // The converted schema is a copy.
            CArrowSchema.Free(exported);
        }

        // The C API gives logical types only through a chunk, so an empty one is converted.
        using var empty = new RecordBatch(
            Schema,
            Schema.FieldsList.Select(f => EmptyArrays.Create(f.DataType)),
            0
        );
        var chunk = ToChunk(empty, 0, 0);
        for (var i = 0; i < _types.Length; i++)
        {
            _types[i] = DuckNative.VectorGetColumnType(
                DuckNative.DataChunkGetVector(chunk, (ulong)i)
            );
        }

        DuckNative.DestroyDataChunk(&chunk);
    }

    private nint ToChunk(RecordBatch batch, int offset, int count)
    {
        using var slice = batch.SliceShared(offset, count);
        var array = CArrowArray.Create();
        nint chunk = 0;
        try
        {
            CArrowArrayExporter.ExportRecordBatch(slice, array);
            Check(DuckNative.DataChunkFromArrow(_connection, array, _converted, &chunk));
        }
        finally
        {
            // DuckDB clears the release callback when it has taken the array over.
            CArrowArray.Free(array);
        }

        return chunk;
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

    private static void Check(nint error)
    {
        if (error == 0)
        {
            return;
        }

        var failed = DuckNative.ErrorDataHasError(error) != 0;
        var message = failed
            ? Marshal.PtrToStringUTF8((nint)DuckNative.ErrorDataMessage(error))
            : null;
        DuckNative.DestroyErrorData(&error);
        if (failed)
        {
            throw new PondSchemaException($"DuckDB cannot take the Arrow data: {message}");
        }
    }

    private void Release()
    {
        for (var i = 0; i < _types.Length; i++)
        {
            if (_types[i] != 0)
            {
                var type = _types[i];
                DuckNative.DestroyLogicalType(&type);
                _types[i] = 0;
            }
        }

        if (_converted != 0)
        {
            var converted = _converted;
            DuckNative.DestroyArrowConvertedSchema(&converted);
            _converted = 0;
        }
    }
}
