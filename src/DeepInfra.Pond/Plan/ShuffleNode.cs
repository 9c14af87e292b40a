// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>Repartition by an expression over the row: hash, explicit key or random.</summary>
internal sealed class ShuffleNode(PondSession session, PlanNode input, int count, ShuffleKey key)
    : PlanNode(session, [input])
{
    private const int MaxProducers = 1000;

    public override string Kind => "shuffle";

    public override int PartitionCount => count;

    public override HashPartitioning? Partitioning =>
        key.Columns.Count > 0 ? new HashPartitioning(Inputs[0], key.Columns) : null;

    public override string Describe() =>
        FormattableString.Invariant($"{count} partitions by {key.Text}");

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        var schema = resolver.Of(Inputs[0]);
        if (schema is null)
        {
            return null;
        }

        foreach (var column in key.Columns)
        {
            if (schema.IndexOf(column) < 0)
            {
                throw new PondPlanException(
                    $"There is no column '{column}' to partition by; columns: {schema}."
                );
            }
        }

        if (key.IntegerExpression is { } expression)
        {
            var type = resolver
                .Describe($"SELECT ({expression}) AS k FROM {{0}}", Inputs)![0]
                .SqlType;
            if (
                !type.EndsWith("INT", StringComparison.Ordinal)
                && type is not ("INTEGER" or "UINTEGER")
            )
            {
                throw new PondPlanException(
                    $"The partition key '{expression}' has type {type}; expected an integer type."
                );
            }
        }

        return key.KeepKey
            ? resolver.Describe(
                $"SELECT pond_row.*, ({key.KeySql}) AS {ShuffleWork.KeyColumn} FROM {{0}} pond_row",
                Inputs
            )
            : schema;
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var schema = planner.Schemas.Of(this);
        var tasks = planner
            .Producers(this, Inputs[0], MaxProducers, count)
            .Select(
                (part, p) =>
                    new PondTask(
                        this,
                        p,
                        new ShuffleWork(count, key.Sql, planner.Job.Options.ShuffleParquet, schema)
                        {
                            KeySql = key.KeySql,
                            KeepKey = key.KeepKey,
                        },
                        [part]
                    )
            )
            .ToArray();
        return Enumerable
            .Range(0, count)
            .Select(k => new TaskInput(tasks.Select(t => new SlotRef(t, k)).ToArray(), []))
            .ToArray();
    }
}

/// <summary>How a shuffle finds the partition of a row.</summary>
internal sealed record ShuffleKey(string Text, string Sql)
{
    /// <summary>Columns whose text is hashed; none for other ways to find a partition.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    public string? IntegerExpression { get; init; }

    public string? KeySql { get; init; }

    public bool KeepKey { get; init; }

    /// <summary>
    /// The text of the key columns joined by '##' is hashed: equal text means equal partition, whatever the
    /// column types, and NULLs are skipped.
    /// </summary>
    public static ShuffleKey Hash(HashKind kind, int count, IReadOnlyList<string> columns)
    {
        if (kind != HashKind.DuckDb)
        {
            throw new NotSupportedException(
                "HashKind.XxHash3 needs a native scalar function, which the embedded engine does not register yet; use HashKind.DuckDb."
            );
        }

        var text = $"concat_ws('##', {SqlText.Columns(columns)})";
        return new ShuffleKey(
            $"hash of {string.Join(", ", columns)}",
            $"hash({text}) % {SqlText.Number(count)}"
        )
        {
            Columns = columns,
        };
    }

    public static ShuffleKey Expression(int count, string expression)
    {
        var n = SqlText.Number(count);
        return new ShuffleKey(
            $"key {expression}",
            $"CASE WHEN {ShuffleWork.KeyColumn} >= 0 AND {ShuffleWork.KeyColumn} < {n} THEN {ShuffleWork.KeyColumn} "
                + $"ELSE error('partition key ' || coalesce({ShuffleWork.KeyColumn}::VARCHAR, 'NULL') || "
                + $"' is out of range 0-{SqlText.Number(count - 1)}') END"
        )
        {
            IntegerExpression = expression,
            KeySql = expression,
        };
    }
}
