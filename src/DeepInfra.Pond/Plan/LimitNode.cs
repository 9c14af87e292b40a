// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>At most k rows: k of each partition, then k of those, in partition order.</summary>
internal sealed class LimitNode(PondSession session, PlanNode input, long rows)
    : PlanNode(session, [input])
{
    public override string Kind => "limit";

    public override bool IsOrdered => true;

    public override int PartitionCount => 1;

    public override string Describe() => FormattableString.Invariant($"{rows} rows");

    public override PondSchema? GetSchema(SchemaResolver resolver) => resolver.Of(Inputs[0]);

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var schema = planner.Schemas.Of(this);
        var format = new ParquetOutput(planner.Job.Options.Parquet);
        var sql = $"SELECT * FROM {{0}} LIMIT {SqlText.Number(rows)}";
        var parts = planner.Input(Inputs[0], InlineMode.SamePartitions);
        // Keeping file order costs nothing here and makes the result of an ordered input the first rows.
        var tasks = parts
            .Select(
                (part, p) => new PondTask(this, p, new SqlWork(sql, format, true, schema), [part])
            )
            .ToArray();
        if (tasks.Length == 1)
        {
            return [new TaskInput(new SlotRef(tasks[0], 0))];
        }

        var merged = new TaskInput(tasks.Select(t => new SlotRef(t, 0)).ToArray(), []);
        var last = new PondTask(
            this,
            tasks.Length,
            new SqlWork(sql, format, true, schema),
            [merged]
        );
        return [new TaskInput(new SlotRef(last, 0))];
    }
}
