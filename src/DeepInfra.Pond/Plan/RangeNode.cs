// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>
/// Repartition so that every key of partition i is at or below every key of partition i+1. Split points come
/// from a sample of the keys.
/// </summary>
internal sealed class RangeNode(
    PondSession session,
    PlanNode input,
    int count,
    IReadOnlyList<SortKey> keys
) : PlanNode(session, [input])
{
    private const int MaxProducers = 1000;
    private const int SamplesPerPartition = 400;
    private const int MinSamples = 10_000;

    public override string Kind => "range";

    public override int PartitionCount => count;

    public override string Describe() =>
        FormattableString.Invariant($"{count} ranges of {SortKey.OrderBy(keys)}");

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        var schema = resolver.Of(Inputs[0]);
        resolver.Describe($"SELECT {SortKey.NormalizedSql(keys)} AS k FROM {{0}}", Inputs);
        return schema;
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var schema = planner.Schemas.Of(this);
        var producers = planner.Producers(this, Inputs[0], MaxProducers);
        var rows = Math.Max(MinSamples, SamplesPerPartition * count) / producers.Count + 1;
        var samples = producers
            .Select(
                (part, p) =>
                    new PondTask(this, p, new SampleWork(keys, rows, planner.Job.Seed), [part])
            )
            .ToArray();
        var boundaries = new PondTask(
            this,
            0,
            new BoundariesWork(count),
            [new TaskInput(samples.Select(s => new SlotRef(s, 0)).ToArray(), [])]
        );
        var tasks = producers
            .Select(
                (part, p) =>
                    new PondTask(
                        this,
                        p,
                        new ShuffleWork(count, "range", planner.Job.Options.ShuffleParquet, schema)
                        {
                            KeySql = SortKey.NormalizedSql(keys),
                            ExpressionFromPayload = BoundariesWork.PartitionSql,
                        },
                        [part, new TaskInput(new SlotRef(boundaries, 0))]
                    )
            )
            .ToArray();
        return Enumerable
            .Range(0, count)
            .Select(k => new TaskInput(tasks.Select(t => new SlotRef(t, k)).ToArray(), []))
            .ToArray();
    }
}
