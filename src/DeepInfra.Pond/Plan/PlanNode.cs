// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>
/// The hash repartition that decided where rows are, so that queries over several frames can be checked.
/// </summary>
/// <param name="Rows">The rows that were hashed.</param>
/// <param name="Columns">Key columns of those rows.</param>
internal sealed record HashPartitioning(PlanNode Rows, IReadOnlyList<string> Columns);

/// <summary>A step of the logical plan. Immutable apart from names and limits set at creation.</summary>
internal abstract class PlanNode(PondSession session, IReadOnlyList<PlanNode> inputs)
{
    public int Id { get; } = session.NextNodeId();

    public PondSession Session => session;

    public IReadOnlyList<PlanNode> Inputs => inputs;

    public abstract string Kind { get; }

    public abstract int PartitionCount { get; }

    public string? Name { get; set; }

    public int Cores { get; set; } = 1;

    public long? MemoryBytes { get; set; }

    /// <summary>Part of every task key; changing it forces the node to run again.</summary>
    public string? Nonce { get; set; }

    /// <summary>An action has this node's result kept, so it must not be fused away.</summary>
    public bool Retained { get; set; }

    public string? SourceLocation { get; } = CallSite.Find();

    public virtual HashPartitioning? Partitioning => null;

    public abstract string Describe();

    /// <summary>Columns, or null when only running the step can tell.</summary>
    public abstract PondSchema? GetSchema(SchemaResolver resolver);

    /// <summary>Creates the tasks and returns one input descriptor per partition.</summary>
    public abstract IReadOnlyList<TaskInput> Expand(Planner planner);

    /// <summary>
    /// The query that a consumer can apply itself instead of reading a stored result, or null.
    /// </summary>
    public virtual string? InlineSql(int partition) => null;

    /// <summary>Whether <see cref="InlineSql"/> treats rows one by one.</summary>
    public virtual bool IsRowWise => false;

    /// <summary>Whether the order of rows inside partitions has a meaning.</summary>
    public virtual bool IsOrdered => false;
}
