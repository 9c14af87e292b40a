// SPDX-License-Identifier: MIT
using System.Globalization;
using DuckDB.NET.Data;

namespace DeepInfra.Pond.Engine;

/// <summary>
/// One in-memory DuckDB. Used by one task at a time; its spill directory is its own, because two instances
/// that share one corrupt each other's temporary files.
/// </summary>
internal sealed class DuckInstance : IDisposable
{
    private readonly DuckDBConnection _connection;
    private readonly List<string> _views = [];
    private int _threads;
    private long _memory;
    private bool? _preserveOrder;

    public DuckInstance(string spillDirectory, long? maxSpillBytes)
    {
        SpillDirectory = spillDirectory;
        _connection = new DuckDBConnection("Data Source=:memory:");
        try
        {
            _connection.Open();
            Run(
                $"SET temp_directory={SqlText.Literal(spillDirectory)};"
                    + "SET autoinstall_known_extensions=false;SET autoload_known_extensions=false;"
                    + "SET enable_progress_bar=false;SET max_expression_depth=10000;"
            );
            if (maxSpillBytes is { } bytes)
            {
                Run($"SET max_temp_directory_size='{SqlText.Number(bytes >> 10)}KiB'");
            }

            Interop.ArrowFunctions.Register(_connection.NativeConnection);
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    public string SpillDirectory { get; }

    /// <summary>Holds one of the parts into which its pool has cut the space for spilling.</summary>
    public bool HasShare { get; init; }

    public int Uses { get; private set; }

    public int Threads => _threads;

    public DuckDBConnection Connection => _connection;

    public static string Version { get; } = ReadVersion();

    public void Configure(int threads, long memoryBytes)
    {
        Uses++;
        if (threads != _threads)
        {
            Run($"SET threads={SqlText.Number(threads)}");
            _threads = threads;
        }

        if (memoryBytes != _memory)
        {
            Run($"SET memory_limit='{SqlText.Number(memoryBytes >> 10)}KiB'");
            _memory = memoryBytes;
        }

        PreserveOrder(false);
    }

    public void PreserveOrder(bool value)
    {
        if (_preserveOrder != value)
        {
            Run($"SET preserve_insertion_order={(value ? "true" : "false")}");
            _preserveOrder = value;
        }
    }

    public void CreateView(string name, string query, CancellationToken cancellation)
    {
        Execute($"CREATE OR REPLACE VIEW {name} AS {query}", cancellation);
        _views.Add(name);
    }

    public void DropViews()
    {
        foreach (var view in _views)
        {
            Run($"DROP VIEW IF EXISTS {view}");
        }

        _views.Clear();
    }

    public void Execute(string sql, CancellationToken cancellation) =>
        Guard(sql, command => command.ExecuteNonQuery(), cancellation);

    public List<object?[]> Query(string sql, CancellationToken cancellation) =>
        Guard(
            sql,
            command =>
            {
                var rows = new List<object?[]>();
                using var reader = command.ExecuteReader();
                while (reader.Read())
                {
                    var row = new object?[reader.FieldCount];
                    for (var i = 0; i < row.Length; i++)
                    {
                        row[i] = reader.IsDBNull(i) ? null : ReadValue(reader, i);
                    }

                    rows.Add(row);
                }

                return rows;
            },
            cancellation
        );

    public long Scalar(string sql, CancellationToken cancellation) =>
        Convert.ToInt64(Query(sql, cancellation)[0][0], CultureInfo.InvariantCulture);

    public PondSchema Describe(string query, CancellationToken cancellation)
    {
        var columns = Query($"DESCRIBE {query}", cancellation)
            .ConvertAll(r => new PondColumn((string)r[0]!, (string)r[1]!));
        var twice = columns
            .GroupBy(c => c.Name, StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(g => g.Skip(1).Any());
        return twice is null
            ? new PondSchema(columns)
            : throw new PondSqlException(
                $"The query has several columns named \"{twice.Key}\"; give them different names."
            )
            {
                Sql = query,
            };
    }

    /// <summary>Runs <c>COPY</c> with statistics and returns the files it wrote.</summary>
    public List<WrittenFile> Copy(
        string query,
        string target,
        string options,
        CancellationToken cancellation
    )
    {
        var rows = Query(
            $"COPY ({query}\n) TO {SqlText.Literal(target)} ({options}, RETURN_STATS true)",
            cancellation
        );
        return rows.ConvertAll(r => new WrittenFile(
            (string)r[0]!,
            Convert.ToInt64(r[1], CultureInfo.InvariantCulture),
            Convert.ToInt64(r[2], CultureInfo.InvariantCulture)
        ));
    }

    /// <summary>
    /// Like <see cref="Copy"/>, and counts the rows that the query gave to the writer. DuckDB's executor counts
    /// them, not the writer whose work is to be checked.
    /// </summary>
    public (List<WrittenFile> Written, long RowsIn) CopyCounted(
        string query,
        string target,
        string options,
        CancellationToken cancellation
    )
    {
        Execute(
            "SET enable_profiling='no_output';"
                + $"SET custom_profiling_settings='{{\"{Interop.QueryProfile.Metric}\": \"true\"}}'",
            cancellation
        );
        try
        {
            var written = Copy(query, target, options, cancellation);
            return (written, Interop.QueryProfile.RowsIntoRoot(_connection.NativeConnection));
        }
        finally
        {
            Run("PRAGMA disable_profiling");
        }
    }

    /// <summary>Runs <c>COPY</c> to one file of a format that has no statistics; returns the row count.</summary>
    public long CopyText(
        string query,
        string target,
        string options,
        CancellationToken cancellation
    ) =>
        // Asking for the file list makes the count a result row; otherwise it is a 32-bit "rows affected".
        Scalar(
            $"COPY ({query}\n) TO {SqlText.Literal(target)} ({options}, RETURN_FILES true)",
            cancellation
        );

    /// <summary>Streams a query on a second connection of the same instance.</summary>
    public ArrowQuery OpenArrow(string sql, CancellationToken cancellation) =>
        ArrowQuery.Open(_connection, sql, cancellation);

    public void Dispose() => _connection.Dispose();

    private T Guard<T>(string sql, Func<DuckDBCommand, T> body, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        try
        {
            using (CancelPump.Attach(command, cancellation))
            {
                return body(command);
            }
        }
        catch (DuckDBException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new EngineException(
                "The query was interrupted.",
                new InvalidOperationException(sql)
            );
        }
        catch (DuckDBException e)
        {
            throw DuckErrors.Map(e, sql);
        }
    }

    private void Run(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static object ReadValue(DuckDBDataReader reader, int ordinal)
    {
        var value = reader.GetValue(ordinal);
        if (value is Stream stream)
        {
            using (stream)
            {
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return bytes;
            }
        }

        return value;
    }

    private static string ReadVersion()
    {
        using var connection = new DuckDBConnection("Data Source=:memory:");
        connection.Open();
        return connection.ServerVersion;
    }
}
