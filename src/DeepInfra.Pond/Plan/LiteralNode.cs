// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Interop;

namespace DeepInfra.Pond.Plan;

/// <summary>
/// Record batches of the program as a source of one partition. Tasks read them where they are; their key is that
/// of the contents, so a later run that brings the same rows finds its results.
/// </summary>
internal sealed class LiteralNode(PondSession session, ArrowRows rows) : PlanNode(session, [])
{
    public override string Kind => "literal";

    public override int PartitionCount => 1;

    /// <summary>Bytes of all buffers.</summary>
    public long Bytes => rows.Bytes;

    public override bool IsOrdered => true;

    public override string Describe() =>
        FormattableString.Invariant($"{rows.Count} rows of {ArrowTypes.Describe(rows.Schema)}");

    public override PondSchema? GetSchema(SchemaResolver resolver) =>
        resolver.WithDuck(duck => duck.Describe(rows.Select(0, 0), CancellationToken.None));

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var file = new DataFile(
            $"rows {rows.Hash} of {ArrowTypes.Describe(rows.Schema)}",
            rows.Count,
            rows.Bytes
        )
        {
            Memory = rows,
        };
        var files = new FileSet(FileFormat.StoredParquet, planner.Schemas.Of(this), [file]);
        return [new TaskInput(new SlotRef(new PondTask(this, 0, new SourceWork(files), []), 0))];
    }
}
