// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>
/// Measures the rows that pass. Fused with the query before it when there is one; otherwise it reads the
/// stored files of its input and passes them on.
/// </summary>
internal sealed class ObserveNode(
    PondSession session,
    PlanNode input,
    IReadOnlyList<KeyValuePair<string, string>> observations
) : PlanNode(session, [input])
{
    public override string Kind => "observe";

    public override int PartitionCount => Inputs[0].PartitionCount;

    public override HashPartitioning? Partitioning => Inputs[0].Partitioning;

    public override bool IsOrdered => Inputs[0].IsOrdered;

    public override string Describe() =>
        string.Join(", ", observations.Select(o => $"{o.Key} = {o.Value}"));

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        var list = string.Join(
            ", ",
            observations.Select((o, i) => $"({o.Value}) AS v{SqlText.Number(i)}")
        );
        resolver.Describe($"SELECT {list} FROM {{0}}", Inputs);
        return resolver.Of(Inputs[0]);
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var schema = planner.Schemas.Of(this);
        var parts = planner.Input(Inputs[0], InlineMode.SamePartitions);
        if (parts.All(p => p.Wrappers.Count == 0))
        {
            planner.SideTasks.AddRange(
                parts.Select(
                    (part, p) => new PondTask(this, p, new ObserveWork(observations), [part])
                )
            );
            return parts;
        }

        var format = new ParquetOutput(planner.Job.Options.Parquet);
        return parts
            .Select(
                (part, p) =>
                    new TaskInput(
                        new SlotRef(
                            new PondTask(
                                this,
                                p,
                                new SqlWork("SELECT * FROM {0}", format, IsOrdered, schema)
                                {
                                    Observations = observations,
                                },
                                [part]
                            ),
                            0
                        )
                    )
            )
            .ToArray();
    }
}
