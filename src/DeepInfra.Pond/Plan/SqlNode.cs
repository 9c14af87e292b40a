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

    public override PartitioningInfo? Partitioning =>
        Inputs.Count == 1 && !Single ? Inputs[0].Partitioning : null;

    public override string Describe() => _sql;

    public override PondSchema? GetSchema(SchemaResolver resolver) =>
        resolver.Describe(Sql(0), Inputs);

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

    /// <summary>Checks that inputs which look co-partitioned really are.</summary>
    public static void CheckPartitioning(IReadOnlyList<PlanNode> inputs)
    {
        var known = inputs.Where(i => i.PartitionCount > 1).Select(i => i.Partitioning).ToArray();
        var hashed = known
            .OfType<PartitioningInfo>()
            .Where(p => p.Kind.StartsWith("hash", StringComparison.Ordinal));
        if (hashed.Select(p => p.Kind).Distinct().Count() > 1)
        {
            throw new PondPlanException(
                "Inputs are partitioned by different hash functions; repartition one of them."
            );
        }
    }
}
