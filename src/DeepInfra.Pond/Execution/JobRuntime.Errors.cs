// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DuckDB.NET.Data;

namespace DeepInfra.Pond.Execution;

internal sealed partial class JobRuntime
{
    /// <summary>An exception of a type that says what happened, with the task and partition in its message.</summary>
    public PondTaskException Describe(Exception error, PondTask task)
    {
        var where = FormattableString.Invariant($"{task}, attempt {task.Attempts}");
        if (task.Node.SourceLocation is { } source)
        {
            where += $", created at {source}";
        }

        var described = error switch
        {
            PondOutOfMemoryException e => new PondOutOfMemoryException(
                $"{where}: the task does not fit its memory limit. Raise MemoryBudget or WithResources, or use more partitions. {e.Message}",
                e
            )
            {
                LimitBytes = e.LimitBytes,
            },
            PondSqlException e => new PondSqlException($"{where}: {e.Message}\nQuery: {e.Sql}", e)
            {
                Sql = e.Sql,
            },
            PondPartitionKeyException e => new PondPartitionKeyException(
                $"{where}: {e.Message}",
                e
            ),
            PondSchemaException e => new PondSchemaException($"{where}: {e.Message}", e),
            PondCorruptFileException e => new PondCorruptFileException($"{where}: {e.Message}", e)
            {
                File = e.File,
                Line = e.Line,
            },
            PondDataException e => IsPartitionKey(e.Message)
                ? new PondPartitionKeyException($"{where}: {e.Message}", e)
                : new PondDataException($"{where}: {e.Message}", e)
                {
                    File = e.File,
                    Line = e.Line,
                },
            PondFunctionException e => new PondFunctionException(
                $"{where}: {e.Message}",
                e.InnerException ?? e
            )
            {
                Function = e.Function,
            },
            PondStorageException e => Storage(e, where, e.Path, e.Transient),
            EngineException e => new EngineException($"{where}: {e.Message}", e.InnerException!),
            PondTaskException e => new PondTaskException($"{where}: {e.Message}", e),
            PondPlanException e => new PondTaskException($"{where}: {e.Message}", e),
            IOException e => Storage(e, where, null, true),
            UnauthorizedAccessException e => Storage(e, where, null, false),
            DuckDBException e => new EngineException($"{where}: {e.Message}", e),
            _ => new PondTaskException($"{where}: {error.GetType().Name}: {error.Message}", error),
        };
        described.JobId = Directory.JobId;
        described.NodeId = task.Node.Id;
        described.SourceLocation = task.Node.SourceLocation;
        described.TaskKey = task.Key;
        described.Partition = task.Partition;
        described.Attempt = task.Attempts;
        return described;
    }

    private static bool IsPartitionKey(string message) =>
        message.Contains("partition key ", StringComparison.Ordinal)
        && message.Contains("out of range", StringComparison.Ordinal);

    private PondStorageException Storage(
        Exception error,
        string where,
        string? path,
        bool transient
    )
    {
        long? free = null;
        try
        {
            free = new DriveInfo(Directory.Temp).AvailableFreeSpace;
        }
        catch (Exception e)
            when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            // The message does without the number.
        }

        var text = FormattableString.Invariant(
            $"{where}: {error.Message} (data root {Directory.Path}, {free?.ToString() ?? "unknown"} bytes free)"
        );
        return new PondStorageException(text, error)
        {
            Path = path ?? Directory.Path,
            FreeBytes = free,
            Transient = transient,
        };
    }
}
