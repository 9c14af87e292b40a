// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>Repartition by files or by rows: only file lists change.</summary>
internal sealed class SplitNode(PondSession session, PlanNode input, int count, bool byRows)
    : PlanNode(session, [input])
{
    public override string Kind => byRows ? "split-rows" : "split-files";

    public override bool IsOrdered => Inputs[0].IsOrdered;

    public override int PartitionCount => count;

    public override string Describe() =>
        FormattableString.Invariant($"{count} partitions by {(byRows ? "rows" : "files")}");

    public override PondSchema? GetSchema(SchemaResolver resolver) => resolver.Of(Inputs[0]);

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var merged = Planner.Merge(planner.Input(Inputs[0], InlineMode.None))!;
        TaskWork work = byRows ? new SplitRowsWork(count, 0) : new SplitFilesWork(count);
        var task = new PondTask(this, 0, work, [merged]);
        return Enumerable
            .Range(0, count)
            .Select(k => new TaskInput(new SlotRef(task, k)))
            .ToArray();
    }
}

/// <summary>Merges neighbouring partitions.</summary>
internal sealed class CoalesceNode(PondSession session, PlanNode input, int count)
    : PlanNode(session, [input])
{
    public override string Kind => "coalesce";

    public override bool IsOrdered => Inputs[0].IsOrdered;

    public override int PartitionCount => Math.Min(count, Inputs[0].PartitionCount);

    public override string Describe() =>
        FormattableString.Invariant($"{PartitionCount} partitions");

    public override PondSchema? GetSchema(SchemaResolver resolver) => resolver.Of(Inputs[0]);

    public override IReadOnlyList<TaskInput> Expand(Planner planner) =>
        Planner.Group(planner.Input(Inputs[0], InlineMode.None), PartitionCount);
}

/// <summary>The partitions of all inputs, one after the other.</summary>
internal sealed class UnionNode : PlanNode
{
    public UnionNode(PondSession session, IReadOnlyList<PlanNode> inputs)
        : base(session, inputs) { }

    public override string Kind => "union";

    public override bool IsOrdered => Inputs.All(i => i.IsOrdered);

    public override int PartitionCount => Inputs.Sum(i => i.PartitionCount);

    public override string Describe() => FormattableString.Invariant($"{Inputs.Count} frames");

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        var schemas = Inputs.Select(resolver.Of).ToArray();
        var first = schemas[0];
        foreach (var other in schemas)
        {
            if (first is not null && other is not null && !first.Equals(other))
            {
                throw new PondPlanException(
                    $"Union needs equal columns, got [{first}] and [{other}]."
                );
            }
        }

        return first;
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        planner.Schemas.Of(this);
        return Inputs.SelectMany(i => planner.Input(i, InlineMode.None)).ToArray();
    }
}
