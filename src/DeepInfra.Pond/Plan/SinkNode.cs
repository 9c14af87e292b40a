// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>The files of a written output. Stored Parquet results are linked, everything else is copied.</summary>
internal sealed class SinkNode(PondSession session, PlanNode input, OutputFormat format)
    : PlanNode(session, [input])
{
    public override string Kind => "write";

    public override int PartitionCount => Inputs[0].PartitionCount;

    public override string Describe() => $"{format.Extension} {format.CopyOptions}";

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        var schema = resolver.Of(Inputs[0]);
        if (
            format is RecordOutput records
            && schema is not null
            && (
                schema.IndexOf(records.Column) is var index && index < 0
                || schema[index].SqlType != "BLOB"
            )
        )
        {
            throw new PondPlanException(
                $"column: expected a BLOB column, got '{records.Column}'; columns: {schema}."
            );
        }

        return schema;
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var schema = planner.Schemas.Of(this);
        return planner
            .Input(Inputs[0], InlineMode.SamePartitions)
            .Select((part, p) => CanLink(planner, part) ? part : Copy(part, p, schema))
            .ToArray();
    }

    private TaskInput Copy(TaskInput part, int partition, PondSchema? schema)
    {
        TaskWork work = format is RecordOutput records
            ? new RecordWork(records)
            : new SqlWork("SELECT * FROM {0}", format, Inputs[0].IsOrdered, schema);
        return new TaskInput(new SlotRef(new PondTask(this, partition, work, [part]), 0));
    }

    private bool CanLink(Planner planner, TaskInput part) =>
        format is ParquetOutput parquet
        && parquet.Options == planner.Job.Options.Parquet
        && part.Wrappers.Count == 0
        && part.Slots.All(s => s.Task.Work is SqlWork or FunctionWork);
}
