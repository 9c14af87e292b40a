// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>One query per partition.</summary>
internal sealed class SqlNode : PlanNode
{
    private readonly string _sql;

    public SqlNode(PondSession session, string sql, IReadOnlyList<PlanNode> inputs)
        : base(session, inputs)
    {
        _sql = SqlText.TrimStatement(sql);
        Placeholders.Check(_sql, inputs.Count);
        PartitionCount = CountPartitions(inputs);
    }

    private SqlNode(PondSession session, string sql, IReadOnlyList<PlanNode> inputs, bool single)
        : base(session, inputs)
    {
        _sql = SqlText.TrimStatement(sql);
        Placeholders.Check(_sql, inputs.Count);
        PartitionCount = 1;
        Single = single;
    }

    public override string Kind => "sql";

    public override int PartitionCount { get; }

    /// <summary>All partitions of every input are merged into one.</summary>
    public bool Single { get; init; }

    public bool RowWise { get; init; }

    public bool Ordered { get; init; }

    public override bool IsRowWise => RowWise;

    public override bool IsOrdered => Ordered;

    public override HashPartitioning? Partitioning =>
        Inputs.Count == 1 && !Single ? Inputs[0].Partitioning : null;

    public override string Describe() => _sql;

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        if (!Single)
        {
            CheckKeys(resolver);
        }

        return resolver.Describe(Sql(0), Inputs);
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var schema = planner.Schemas.Of(this);
        var inputs = new List<IReadOnlyList<TaskInput>>();
        for (var i = 0; i < Inputs.Count; i++)
        {
            inputs.Add(InputParts(planner, i));
        }

        var format = new ParquetOutput(planner.Job.Options.Parquet);
        var outputs = new List<TaskInput>();
        for (var p = 0; p < PartitionCount; p++)
        {
            var task = new PondTask(
                this,
                p,
                new SqlWork(Sql(p), format, Ordered, schema),
                inputs.Select(parts => parts[parts.Count == 1 ? 0 : p]).ToArray()
            );
            outputs.Add(new TaskInput(new SlotRef(task, 0)));
        }

        return outputs;
    }

    public override string? InlineSql(int partition) =>
        Inputs.Count == 0 || (Inputs.Count == 1 && !Single && References(0) == 1)
            ? Sql(partition)
            : null;

    private IReadOnlyList<TaskInput> InputParts(Planner planner, int index)
    {
        var input = Inputs[index];
        // A query that reads its input twice must see the same rows twice, and must not compute them twice.
        var mode = References(index) > 1 ? InlineMode.None : InlineMode.SamePartitions;
        if (!Single || input.PartitionCount == 1)
        {
            return planner.Input(input, mode);
        }

        var parts = planner.Input(input, mode == InlineMode.None ? mode : InlineMode.RowWise);
        return [Planner.Merge(parts) ?? Planner.Merge(planner.Input(input, InlineMode.None))!];
    }

    private int References(int input) =>
        SqlText.Placeholders(_sql).Count(p => p == SqlText.Number(input));

    private string Sql(int partition) =>
        Placeholders.FillPartition(
            _sql,
            partition,
            PartitionCount,
            unchecked((Session.Runtime.Seed * 31 + Id) * 1_000_003 + partition) & long.MaxValue
        );

    private int CountPartitions(IReadOnlyList<PlanNode> inputs)
    {
        var counts = inputs.Select(i => i.PartitionCount).Where(n => n != 1).Distinct().ToArray();
        return counts.Length switch
        {
            0 => 1,
            1 => counts[0],
            _ => throw new PondPlanException(
                "Inputs of one query need equal partition counts (or one partition), got "
                    + string.Join(", ", inputs.Select(i => i.PartitionCount))
                    + ": "
                    + _sql
            ),
        };
    }

    /// <summary>A query over all rows: one partition.</summary>
    public static SqlNode SinglePartition(
        PondSession session,
        string sql,
        IReadOnlyList<PlanNode> inputs
    ) => new(session, sql, inputs, single: true);

    /// <summary>
    /// Hashed keys meet in one partition only when their text agrees. Inputs hashed on as many columns each are
    /// taken for the sides of a join on those columns, whose types then have to have the same text.
    /// </summary>
    private void CheckKeys(SchemaResolver resolver)
    {
        HashPartitioning? first = null;
        foreach (var input in Inputs)
        {
            if (input is not { PartitionCount: > 1, Partitioning: { } hashed })
            {
                continue;
            }

            first ??= hashed;
            if (
                first.Columns.Count != hashed.Columns.Count
                || resolver.Of(first.Rows) is not { } schema
                || resolver.Of(hashed.Rows) is not { } other
            )
            {
                continue;
            }

            for (var c = 0; c < hashed.Columns.Count; c++)
            {
                var left = schema[schema.IndexOf(first.Columns[c])];
                var right = other[other.IndexOf(hashed.Columns[c])];
                if (TextKind(left.SqlType) != TextKind(right.SqlType))
                {
                    throw new PondPlanException(
                        $"Inputs are partitioned by the hash of '{left.Name}' ({left.SqlType}) and of "
                            + $"'{right.Name}' ({right.SqlType}), whose equal values differ as text and so are "
                            + $"in different partitions. Cast one before RepartitionByHash: {_sql}"
                    );
                }
            }
        }
    }

    /// <summary>Equal for types whose equal values have equal text.</summary>
    private static string TextKind(string type)
    {
        if (type is "INTEGER" or "UINTEGER" || type.EndsWith("INT", StringComparison.Ordinal))
        {
            return "integer";
        }

        if (type.StartsWith("ENUM", StringComparison.Ordinal) && !type.EndsWith(']'))
        {
            return "VARCHAR";
        }

        // DECIMAL(width,scale): the width does not show in the text.
        return type.StartsWith("DECIMAL(", StringComparison.Ordinal)
            ? "DECIMAL " + type[(type.IndexOf(',') + 1)..]
            : type;
    }
}
