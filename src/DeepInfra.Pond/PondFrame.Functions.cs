// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using Apache.Arrow;
using Apache.Arrow.Types;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Plan;
using DeepInfra.Pond.Rows;

namespace DeepInfra.Pond;

public sealed partial class PondFrame
{
    private const string KeepColumn = "__pond_keep__";

    /// <summary>
    /// Keeps rows for which a function returns true. Functions run for several partitions at once and must
    /// be thread-safe.
    /// </summary>
    /// <param name="predicate">The condition.</param>
    /// <param name="options">Name and version.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame Where(Func<PondRow, bool> predicate, PondFunctionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        var (name, identity) = PondFunction.Identify(predicate, options);
        var function = new PondFunction
        {
            Name = name,
            Identity = "where " + identity,
            BatchRows = Batch(options),
            ResultSql = $"SELECT * EXCLUDE ({KeepColumn}) FROM {{0}} WHERE {KeepColumn}",
            Body = (reader, _) => Mark(reader, predicate, name),
        };
        return new PondFrame(new FunctionNode(Session, Node, function) { KeepsRows = true });
    }

    /// <summary>Computes one row per row.</summary>
    /// <typeparam name="T">A record or class whose public properties become columns, or a single value.</typeparam>
    /// <param name="function">The function; it must be thread-safe.</param>
    /// <param name="options">Name and version.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame Select<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T
    >(Func<PondRow, T> function, PondFunctionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        var (name, identity) = PondFunction.Identify(function, options);
        return Rows<T>(
            "select " + identity,
            name,
            options,
            (row, encoder) => encoder.Append(function(row))
        );
    }

    /// <summary>Computes any number of rows per row.</summary>
    /// <typeparam name="T">A record or class whose public properties become columns, or a single value.</typeparam>
    /// <param name="function">The function; it must be thread-safe.</param>
    /// <param name="options">Name and version.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame SelectMany<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T
    >(Func<PondRow, IEnumerable<T>> function, PondFunctionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        var (name, identity) = PondFunction.Identify(function, options);
        return Rows<T>(
            "select-many " + identity,
            name,
            options,
            (row, encoder) =>
            {
                foreach (var item in function(row))
                {
                    encoder.Append(item);
                }
            }
        );
    }

    /// <summary>
    /// Computes a record batch per record batch. An empty partition is passed as one batch without rows, so
    /// that its columns are known.
    /// </summary>
    /// <param name="function">The function; it must be thread-safe. Every result has the same columns.</param>
    /// <param name="options">Batch size, columns, name and version.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame MapBatches(
        Func<RecordBatch, RecordBatch> function,
        PondFunctionOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(function);
        var (name, identity) = PondFunction.Identify(function, options);
        return new PondFrame(
            new FunctionNode(
                Session,
                Node,
                new PondFunction
                {
                    Name = name,
                    Identity = "map-batches " + identity,
                    BatchRows = Batch(options),
                    Schema = options?.Schema,
                    Body = (reader, _) => Map(reader, function),
                }
            )
        );
    }

    /// <summary>
    /// Turns the batches of a partition into other batches. The function is called once per partition and
    /// attempt, so it may keep state between batches; it must enumerate its input at most once.
    /// </summary>
    /// <param name="function">The function; calls for several partitions run at once.</param>
    /// <param name="options">Batch size, columns, name and version.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame MapStream(
        Func<IEnumerable<RecordBatch>, PondFunctionContext, IEnumerable<RecordBatch>> function,
        PondFunctionOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(function);
        var (name, identity) = PondFunction.Identify(function, options);
        return new PondFrame(
            new FunctionNode(
                Session,
                Node,
                new PondFunction
                {
                    Name = name,
                    Identity = "map-stream " + identity,
                    BatchRows = Batch(options),
                    Schema = options?.Schema,
                    Body = (reader, context) => function(reader, context),
                }
            )
        );
    }

    private static IEnumerable<RecordBatch> Map(
        BatchReader reader,
        Func<RecordBatch, RecordBatch> function
    )
    {
        var any = false;
        foreach (var batch in reader)
        {
            any = true;
            yield return function(batch);
        }

        if (!any)
        {
#pragma warning disable CA2000 // empty arrays hold no memory
            yield return function(EmptyArrays.Batch(reader.Schema));
#pragma warning restore CA2000
        }
    }

    private static IEnumerable<RecordBatch> Mark(
        BatchReader reader,
        Func<PondRow, bool> predicate,
        string name
    )
    {
        var schema = new Schema(
            [.. reader.Schema.FieldsList, new Field(KeepColumn, BooleanType.Default, false)],
            null
        );
        var start = 0L;
        var any = false;
        foreach (var batch in reader)
        {
            any = true;
            var rows = new RowBatch(batch);
            var keep = new BooleanArray.Builder().Reserve(batch.Length);
            for (var i = 0; i < batch.Length; i++)
            {
                keep.Append(Call(predicate, new PondRow(rows, i), name, start + i));
            }

            start += batch.Length;
            yield return new RecordBatch(schema, [.. batch.Arrays, keep.Build()], batch.Length);
        }

        if (!any)
        {
            yield return EmptyArrays.Batch(schema);
        }
    }

    private PondFrame Rows<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T
    >(
        string identity,
        string name,
        PondFunctionOptions? options,
        Action<PondRow, RowEncoder<T>> append
    )
    {
        // Types without a column type are refused here, where the stack shows the caller.
        var schema = ArrowTypes.ToPond(new RowEncoder<T>().Schema);
        return new PondFrame(
            new FunctionNode(
                Session,
                Node,
                new PondFunction
                {
                    Name = name,
                    Identity = identity,
                    BatchRows = Batch(options),
                    Schema = options?.Schema ?? schema,
                    Body = (reader, _) => Encode(reader, append, name),
                }
            )
        );
    }

    private static IEnumerable<RecordBatch> Encode<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T
    >(BatchReader reader, Action<PondRow, RowEncoder<T>> append, string name)
    {
        const int OutputRows = 16_384;
        var encoder = new RowEncoder<T>();
        var start = 0L;
        foreach (var batch in reader)
        {
            var rows = new RowBatch(batch);
            for (var i = 0; i < batch.Length; i++)
            {
                var row = new PondRow(rows, i);
                Call(
                    r =>
                    {
                        append(r, encoder);
                        return true;
                    },
                    row,
                    name,
                    start + i
                );
                if (encoder.Rows >= OutputRows || encoder.IsLarge)
                {
                    yield return encoder.Build();
                }
            }

            start += batch.Length;
        }

        if (encoder.Rows > 0)
        {
            yield return encoder.Build();
        }
    }

    private static bool Call(Func<PondRow, bool> body, PondRow row, string name, long index)
    {
        try
        {
            return body(row);
        }
        catch (Exception e) when (e is not OperationCanceledException and not PondTaskException)
        {
            throw new PondFunctionException(
                FormattableString.Invariant(
                    $"Function {name} failed at row {index} of its partition: {e.GetType().Name}: {e.Message}"
                ),
                e
            )
            {
                Function = name,
            };
        }
    }

    private int Batch(PondFunctionOptions? options)
    {
        var rows = options?.BatchRows ?? Session.Options.BatchRows;
        return rows >= 1
            ? rows
            : throw new ArgumentOutOfRangeException(
                nameof(options),
                rows,
                "options.BatchRows: expected at least 1."
            );
    }
}
