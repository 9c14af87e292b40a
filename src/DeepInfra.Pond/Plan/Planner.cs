// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>When a consumer may apply its input's query itself.</summary>
internal enum InlineMode
{
    /// <summary>The consumer needs stored files.</summary>
    None,

    /// <summary>The consumer reads rows, in any grouping into partitions.</summary>
    RowWise,

    /// <summary>The consumer reads exactly the input's partitions.</summary>
    SamePartitions,
}

/// <summary>Turns the logical plan below one action into tasks. Used once, by one thread.</summary>
internal sealed class Planner(JobRuntime job, SchemaResolver schemas)
{
    private const int MaxWrappers = 40;
    private const long MinProducerRows = 100_000;
    private const long MinFileRows = 4096;
    private readonly Dictionary<PlanNode, IReadOnlyList<TaskInput>> _expanded = [];
    private readonly Dictionary<PlanNode, int> _consumers = [];

    public JobRuntime Job => job;

    public SchemaResolver Schemas => schemas;

    /// <summary>Tasks that must run although nobody reads their output.</summary>
    public List<PondTask> SideTasks { get; } = [];

    /// <summary>Counts consumers, which decides what may be fused. Call once per root before expanding.</summary>
    public void Visit(PlanNode root)
    {
        var seen = new HashSet<PlanNode>();
        var stack = new Stack<PlanNode>([root]);
        while (stack.TryPop(out var node))
        {
            if (!seen.Add(node))
            {
                continue;
            }

            foreach (var input in node.Inputs)
            {
                _consumers[input] = _consumers.GetValueOrDefault(input) + 1;
                stack.Push(input);
            }
        }
    }

    public IReadOnlyList<TaskInput> Input(PlanNode node, InlineMode mode)
    {
        if (_expanded.TryGetValue(node, out var known))
        {
            return known;
        }

        if (mode != InlineMode.None && CanInline(node, mode))
        {
            IReadOnlyList<TaskInput> inputs =
                node.Inputs.Count == 0 ? [new TaskInput([], [])] : Input(node.Inputs[0], mode);
            if (inputs.All(i => i.Wrappers.Count < MaxWrappers))
            {
                return inputs.Select((input, p) => input.Wrap(node.InlineSql(p)!)).ToArray();
            }
        }

        var expanded = node.Expand(this);
        _expanded[node] = expanded;
        return expanded;
    }

    /// <summary>
    /// Groups of input for the producers of a repartition: enough of them to keep every core busy, cut by
    /// rows where the files are Parquet and by files otherwise. Each producer writes a file per partition; where
    /// these would be small, there are fewer producers, of more cores each.
    /// </summary>
    /// <param name="consumer">The repartition.</param>
    /// <param name="input">Its input.</param>
    /// <param name="maxProducers">Most groups.</param>
    /// <param name="files">Files that a producer writes, where that should limit how many there are.</param>
    public IReadOnlyList<TaskInput> Producers(
        PlanNode consumer,
        PlanNode input,
        int maxProducers,
        int files = 1
    )
    {
        var parts = Input(input, InlineMode.RowWise);
        if (Merge(parts) is null)
        {
            // Queries that name their partition differ and cannot be applied to merged rows.
            parts = Input(input, InlineMode.None);
        }

        var wanted = Math.Clamp(2 * job.Cores, 1, maxProducers);
        if (parts.Count >= wanted)
        {
            return Group(parts, wanted);
        }

        var merged = Merge(parts)!;
        var byRows = merged.Slots.All(s => s.Task.GivesParquet);
        var minRows = Math.Max(MinProducerRows, MinFileRows * files);
        TaskWork work = byRows
            ? new SplitRowsWork(wanted, minRows, job.Cores)
            : new SplitFilesWork(wanted);
        var split = new PondTask(consumer, 0, work, [new TaskInput(merged.Slots, [])]);
        return Enumerable
            .Range(0, wanted)
            .Select(k => new TaskInput([new SlotRef(split, k)], merged.Wrappers))
            .ToArray();
    }

    /// <summary>Merges neighbouring partitions into n groups, the first ones one larger.</summary>
    public static IReadOnlyList<TaskInput> Group(IReadOnlyList<TaskInput> parts, int count)
    {
        var groups = new List<TaskInput>(count);
        var position = 0;
        for (var k = 0; k < count; k++)
        {
            var take = parts.Count / count + (k < parts.Count % count ? 1 : 0);
            var members = parts.Skip(position).Take(take).ToArray();
            position += take;
            groups.Add(
                Merge(members)
                    ?? throw new InvalidOperationException(
                        "Partitions with different queries were merged."
                    )
            );
        }

        return groups;
    }

    /// <summary>One input with the rows of all, or null when they carry different queries.</summary>
    public static TaskInput? Merge(IReadOnlyList<TaskInput> parts)
    {
        if (parts.Count == 0)
        {
            return new TaskInput([], []);
        }

        var first = parts[0].Wrappers;
        return parts.All(p => p.Wrappers.SequenceEqual(first))
            ? new TaskInput(parts.SelectMany(p => p.Slots).ToArray(), first)
            : null;
    }

    private bool CanInline(PlanNode node, InlineMode mode) =>
        job.Options.FuseSql
        && node.Name is null
        && !node.Retained
        && node.Nonce is null
        && node.Cores == 1
        && node.MemoryBytes is null
        && node.Inputs.Count <= 1
        && (mode == InlineMode.SamePartitions || node.IsRowWise)
        && _consumers.GetValueOrDefault(node) <= 1
        && node.InlineSql(0) is { } sql
        && (mode == InlineMode.SamePartitions || !SqlText.IsVolatile(sql));
}
