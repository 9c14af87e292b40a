// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.C;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Interop;

/// <summary>
/// Turns record batches of one schema into chunks of DuckDB, whose vectors refer to the Arrow buffers where the
/// layouts agree. <see cref="Fill"/> may be called by several threads.
/// </summary>
internal sealed unsafe class ArrowChunks : IDisposable
{
    /// <summary>Most rows of a chunk.</summary>
    public const int Rows = 2048;

    private readonly nint _connection;
    private readonly Schema _schema;
    private nint _converted;

    /// <summary>Converts the schema.</summary>
    /// <param name="connection">A connection of the instance that reads the chunks; it must outlive this object.</param>
    /// <param name="schema">Columns of all batches.</param>
    public ArrowChunks(nint connection, Schema schema)
    {
        _connection = connection;
        _schema = schema;
        var exported = CArrowSchema.Create();
        try
        {
            CArrowSchemaExporter.ExportSchema(schema, exported);
            nint converted;
            Check(DuckNative.SchemaFromArrow(_connection, exported, &converted));
            _converted = converted;
        }
        finally
        {
            // The converted schema is a copy.
            CArrowSchema.Free(exported);
        }
    }

    /// <summary>Names the columns to a table function that is being bound.</summary>
    public void Bind(nint info)
    {
        // The C API gives logical types only through a chunk, so an empty one is converted.
        using var empty = EmptyArrays.Batch(_schema);
        var chunk = ToChunk(empty, 0, 0);
        try
        {
            for (var i = 0; i < _schema.FieldsList.Count; i++)
            {
                var type = DuckNative.VectorGetColumnType(
                    DuckNative.DataChunkGetVector(chunk, (ulong)i)
                );
                fixed (byte* name = Encoding.UTF8.GetBytes(_schema.FieldsList[i].Name + "\0"))
                {
                    DuckNative.BindAddResultColumn(info, name, type);
                }

                DuckNative.DestroyLogicalType(&type);
            }
        }
        finally
        {
            DuckNative.DestroyDataChunk(&chunk);
        }
    }

    /// <summary>Makes a chunk of a table function refer to rows of a batch.</summary>
    public void Fill(nint output, RecordBatch batch, int offset, int count)
    {
        var chunk = ToChunk(batch, offset, count);
        for (var i = 0; i < _schema.FieldsList.Count; i++)
        {
            DuckNative.VectorReferenceVector(
                DuckNative.DataChunkGetVector(output, (ulong)i),
                DuckNative.DataChunkGetVector(chunk, (ulong)i)
            );
        }

        DuckNative.DataChunkSetSize(output, (ulong)count);
        DuckNative.DestroyDataChunk(&chunk);
    }

    public void Dispose()
    {
        if (_converted != 0)
        {
            var converted = _converted;
            DuckNative.DestroyArrowConvertedSchema(&converted);
            _converted = 0;
        }
    }

    private nint ToChunk(RecordBatch batch, int offset, int count)
    {
        using var slice =
            offset == 0 && count == batch.Length ? null : batch.SliceShared(offset, count);
        var array = CArrowArray.Create();
        nint chunk = 0;
        try
        {
            CArrowArrayExporter.ExportRecordBatch(slice ?? batch, array);
            Check(DuckNative.DataChunkFromArrow(_connection, array, _converted, &chunk));
        }
        finally
        {
            // DuckDB clears the release callback when it has taken the array over.
            CArrowArray.Free(array);
        }

        return chunk;
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
}
