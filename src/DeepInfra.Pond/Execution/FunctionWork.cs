// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using Apache.Arrow;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Interop;
using DeepInfra.Pond.Plan;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Streams a partition through a managed function: a query delivers batches, the function runs on a thread of
/// its own, and a second query on the same DuckDB instance takes what it returns and writes it. At most a few
/// batches are in memory.
/// </summary>
internal sealed class FunctionWork(PondFunction function, OutputFormat format) : TaskWork
{
    private const int QueuedBatches = 2;

    public override bool CanUseMoreCores => false;

    public override bool Measures => true;

    public override void AppendKey(KeyBuilder key) =>
        key.Add("function")
            .Add(function.Identity)
            .Add(function.Schema?.ToString())
            .Add(function.BatchRows)
            .Add(function.ResultSql)
            .Add(format.Extension)
            .Add(format.CopyOptions);

    public override TaskOutput Run(TaskContext context) =>
        context.WithDuck(duck =>
        {
            var view = context.CreateView(duck, 0);
            duck.PreserveOrder(true);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
            using var batches = new BlockingCollection<RecordBatch>(QueuedBatches);
            var outcome = new Outcome();
            var functionContext = new PondFunctionContext(
                context.Task.Partition,
                Math.Max(1, context.Task.Node.PartitionCount),
                context.Task.Attempts,
                stop.Token
            );
            var thread = new Thread(() =>
                Produce(context, duck, view, batches, functionContext, outcome)
            )
            {
                IsBackground = true,
                Name = "pond-function",
            };
            thread.Start();
            try
            {
                var (file, columns) = Consume(context, duck, batches, outcome);
                // The thread has ended its work, so nobody adds observations any more.
                thread.Join();
                return new TaskOutput
                {
                    Slots = [new FileSet(FileFormat.StoredParquet, columns, [file])],
                    Observations = functionContext.Observations,
                };
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The function's own error, from before anything was stopped, explains the query's.
                if (outcome.Error is { } error && !context.Cancellation.IsCancellationRequested)
                {
                    throw error is PondTaskException ? error : Wrap(error);
                }

                throw;
            }
            finally
            {
                stop.Cancel();
                thread.Join();
            }
        });

    /// <summary>Runs the function on its thread.</summary>
    private void Produce(
        TaskContext context,
        DuckInstance duck,
        string view,
        BlockingCollection<RecordBatch> batches,
        PondFunctionContext functionContext,
        Outcome outcome
    )
    {
        var cancellation = functionContext.CancellationToken;
        try
        {
            using var input = duck.OpenArrow($"SELECT * FROM {view}", cancellation);
            var reader = new BatchReader(
                input,
                function.BatchRows,
                Math.Max(1 << 20, context.MemoryBytes / 8)
            );
            foreach (var batch in function.Body(reader, functionContext))
            {
                batches.Add(
                    batch
                        ?? throw new InvalidOperationException(
                            "The function returned a null batch."
                        ),
                    cancellation
                );
            }
        }
        catch (Exception e)
        {
            outcome.Error = e;
        }
        finally
        {
            // Publishes the outcome: the consumer looks at it when there are no more batches.
            batches.CompleteAdding();
        }
    }

    private (DataFile File, PondSchema Columns) Consume(
        TaskContext context,
        DuckInstance duck,
        BlockingCollection<RecordBatch> batches,
        Outcome outcome
    )
    {
        var path = context.OutputFile("part" + format.Extension);
        RecordBatch? Take()
        {
            if (batches.TryTake(out var batch, Timeout.Infinite, context.Cancellation))
            {
                return batch;
            }

            return outcome.Error is { } e
                ? throw new PondTaskException("The function failed.", e)
                : null;
        }

#pragma warning disable CA2000 // the source passes it on
        var first = Take();
#pragma warning restore CA2000
        string query;
        ArrowSource? source = null;
        try
        {
            if (first is null)
            {
                query = SqlText.EmptySelect(
                    function.Schema
                        ?? throw new PondSchemaException(
                            $"Function {function.Name} returned no batch, so its columns are unknown; set PondFunctionOptions.Schema."
                        )
                );
            }
            else
            {
                var pending = first;
#pragma warning disable CA2000 // disposed of below
                source = new ArrowSource(
                    duck,
                    first.Schema,
                    () =>
                    {
                        var next = pending ?? Take();
                        pending = null;
                        return next;
                    }
                );
#pragma warning restore CA2000
                query = Cast(source, first.Schema);
            }

            var columns = duck.Describe(query, context.Cancellation);
            List<WrittenFile> written;
            try
            {
                written = duck.Copy(query, path, format.CopyOptions, context.Cancellation);
            }
            catch (PondTaskException) when (source?.Error is PondTaskException inner)
            {
                throw inner;
            }

            var file = new DataFile(path, written.Sum(f => f.Rows), new FileInfo(path).Length);
            return (file, columns);
        }
        finally
        {
            source?.Dispose();
        }
    }

    private string Cast(ArrowSource source, Schema actual)
    {
        var query = function.ResultSql is { } result
            ? SqlText.Fill(result, p => p == "0" ? $"({source.Sql})" : null)
            : source.Sql;
        if (function.Schema is not { } schema || function.ResultSql is not null)
        {
            return query;
        }

        var names = actual.FieldsList.Select(f => f.Name).ToArray();
        if (
            names.Length != schema.Count
            || schema.Any(c => !names.Contains(c.Name, StringComparer.OrdinalIgnoreCase))
        )
        {
            throw new PondSchemaException(
                $"Function {function.Name}: expected columns [{schema}], got [{ArrowTypes.Describe(actual)}]."
            );
        }

        var list = string.Join(
            ", ",
            schema.Select(c =>
                $"{SqlText.Identifier(c.Name)}::{c.SqlType} AS {SqlText.Identifier(c.Name)}"
            )
        );
        return $"SELECT {list} FROM ({query})";
    }

    private sealed class Outcome
    {
        public Exception? Error { get; set; }
    }

    private PondFunctionException Wrap(Exception error) =>
        new($"Function {function.Name} failed: {error.GetType().Name}: {error.Message}", error)
        {
            Function = function.Name,
        };
}
