// SPDX-License-Identifier: MIT
using System.Reflection;
using Apache.Arrow;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>A managed function in the form in which tasks run it.</summary>
internal sealed class PondFunction
{
    public required string Name { get; init; }

    /// <summary>Part of the task key.</summary>
    public required string Identity { get; init; }

    public required Func<
        BatchReader,
        PondFunctionContext,
        IEnumerable<RecordBatch>
    > Body { get; init; }

    public PondSchema? Schema { get; init; }

    public required int BatchRows { get; init; }

    /// <summary>A query over what the function returned, as <c>{0}</c>.</summary>
    public string? ResultSql { get; init; }

    /// <summary>
    /// Named and versioned functions, and lambdas without captured state, have an identity that later runs
    /// recognise. Anything else gets one that never repeats.
    /// </summary>
    public static (string Name, string Identity) Identify(
        Delegate function,
        PondFunctionOptions? options
    )
    {
        var method = function.Method;
        var name = options?.Name ?? $"{method.DeclaringType?.Name}.{method.Name}";
        if (options is { Name: not null, Version: not null })
        {
            return (name, $"named {options.Name} {options.Version}");
        }

        // The compiler puts lambdas without captures on a class of this name, which has no fields.
        var captures = function.Target is { } target && target.GetType().Name != "<>c";
        return captures || !method.HasMetadataToken()
            ? (name, "unique " + Guid.NewGuid().ToString("N"))
            : (
                name,
                FormattableString.Invariant(
                    $"method {method.Module.ModuleVersionId:N} {method.MetadataToken:X8} {string.Join(',', method.GetGenericArguments().Select(t => t.AssemblyQualifiedName))}"
                )
            );
    }
}

/// <summary>Runs a managed function over each partition.</summary>
internal sealed class FunctionNode(PondSession session, PlanNode input, PondFunction function)
    : PlanNode(session, [input])
{
    public override string Kind => "function";

    public override int PartitionCount => Inputs[0].PartitionCount;

    public override bool IsOrdered => Inputs[0].IsOrdered;

    /// <summary>Whether the function keeps rows in their partitions with their key columns, as filters do.</summary>
    public bool KeepsRows { get; init; }

    public override HashPartitioning? Partitioning => KeepsRows ? Inputs[0].Partitioning : null;

    public override string Describe() => function.Name;

    public override PondSchema? GetSchema(SchemaResolver resolver)
    {
        var input = resolver.Of(Inputs[0]);
        return KeepsRows ? input : function.Schema;
    }

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        planner.Schemas.Of(this);
        var format = new ParquetOutput(planner.Job.Options.Parquet);
        return planner
            .Input(Inputs[0], InlineMode.SamePartitions)
            .Select(
                (part, p) =>
                    new TaskInput(
                        new SlotRef(
                            new PondTask(this, p, new FunctionWork(function, format), [part]),
                            0
                        )
                    )
            )
            .ToArray();
    }
}
