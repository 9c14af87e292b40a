// SPDX-License-Identifier: MIT
using Apache.Arrow;
using Apache.Arrow.Ipc;
using DuckDB.NET.Data;

namespace DeepInfra.Pond.Engine;

/// <summary>
/// A streaming query whose rows come as Arrow record batches of at most 2048 rows. Pulled by one thread.
/// </summary>
internal sealed class ArrowQuery : IDisposable
{
    private readonly DuckDBConnection _connection;
    private readonly DuckDBCommand _command;
    private readonly CancellationToken _cancellation;
    private readonly CancelPump? _pump;
    private IArrowArrayStream? _stream;

    private ArrowQuery(DuckDBConnection connection, string sql, CancellationToken cancellation)
    {
        _connection = connection;
        _cancellation = cancellation;
        _command = connection.CreateCommand();
        _command.CommandText = sql;
        _command.UseStreamingMode = true;
        _pump = CancelPump.Attach(_command, cancellation);
    }

    public Schema Schema => _stream!.Schema;

    public static ArrowQuery Open(
        DuckDBConnection parent,
        string sql,
        CancellationToken cancellation
    )
    {
        cancellation.ThrowIfCancellationRequested();
        var connection = parent.Duplicate();
        try
        {
            connection.Open();
            var query = new ArrowQuery(connection, sql, cancellation);
            try
            {
                query._stream = query.Guard(static q => q._command.ExecuteArrowStream());
                return query;
            }
            catch
            {
                query.DisposeParts();
                throw;
            }
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>The next batch, or null at the end.</summary>
    public RecordBatch? Next() =>
        Guard(static q =>
            q._stream!.ReadNextRecordBatchAsync(q._cancellation).AsTask().GetAwaiter().GetResult()
        );

    public void Dispose()
    {
        DisposeParts();
        _connection.Dispose();
    }

    private void DisposeParts()
    {
        _stream?.Dispose();
        _pump?.Dispose();
        _command.Dispose();
    }

    private T Guard<T>(Func<ArrowQuery, T> body)
    {
        _cancellation.ThrowIfCancellationRequested();
        try
        {
            return body(this);
        }
        catch (DuckDBException) when (_cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(_cancellation);
        }
        catch (DuckDBException e)
        {
            throw DuckErrors.Map(e, _command.CommandText);
        }
    }
}
