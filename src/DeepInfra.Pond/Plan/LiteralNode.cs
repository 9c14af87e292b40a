// SPDX-License-Identifier: MIT
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Apache.Arrow;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Interop;

namespace DeepInfra.Pond.Plan;

/// <summary>Record batches of the program as a source of one partition.</summary>
internal sealed class LiteralNode(
    PondSession session,
    Schema schema,
    IReadOnlyList<RecordBatch> batches
) : PlanNode(session, [])
{
    public override string Kind => "literal";

    public override int PartitionCount => 1;

    /// <summary>Bytes of all buffers.</summary>
    public long Bytes => batches.SelectMany(b => b.Arrays).Sum(a => SizeOf(a.Data));

    public override bool IsOrdered => true;

    public override string Describe() =>
        FormattableString.Invariant(
            $"{batches.Sum(b => (long)b.Length)} rows of {ArrowTypes.Describe(schema)}"
        );

    public override PondSchema? GetSchema(SchemaResolver resolver) =>
        resolver.WithDuck(duck =>
        {
            using var source = new ArrowSource(duck, schema, () => null);
            return duck.Describe(source.Sql, CancellationToken.None);
        });

    private static long SizeOf(ArrayData data) =>
        data.Buffers.Sum(b => (long)b.Length)
        + (data.Children?.Sum(SizeOf) ?? 0)
        + (data.Dictionary is { } dictionary ? SizeOf(dictionary) : 0);

    public override IReadOnlyList<TaskInput> Expand(Planner planner)
    {
        var work = new LiteralWork(
            schema,
            batches,
            new ParquetOutput(planner.Job.Options.Parquet),
            planner.Schemas.Of(this)!
        );
        return [new TaskInput(new SlotRef(new PondTask(this, 0, work, []), 0))];
    }
}

/// <summary>Stores record batches as one Parquet file.</summary>
internal sealed class LiteralWork(
    Schema schema,
    IReadOnlyList<RecordBatch> batches,
    OutputFormat format,
    PondSchema columns
) : TaskWork
{
    private readonly Lazy<string> _hash = new(() => Hash(batches));

    public override void AppendKey(KeyBuilder key) =>
        key.Add("literal")
            .Add(ArrowTypes.Describe(schema))
            .Add(_hash.Value)
            .Add(format.CopyOptions);

    public override TaskOutput Run(TaskContext context) =>
        context.WithDuck(duck =>
        {
            var index = 0;
            using var source = new ArrowSource(
                duck,
                schema,
                () => index < batches.Count ? batches[index++] : null
            );
            duck.PreserveOrder(true);
            var path = context.OutputFile("part" + format.Extension);
            var written = duck.Copy(source.Sql, path, format.CopyOptions, context.Cancellation);
            var file = new DataFile(path, written.Sum(f => f.Rows), new FileInfo(path).Length);
            return new TaskOutput
            {
                Slots = [new FileSet(FileFormat.StoredParquet, columns, [file])],
            };
        });

    private static string Hash(IReadOnlyList<RecordBatch> batches)
    {
        var hash = new XxHash128();
        foreach (var batch in batches)
        {
            foreach (var array in batch.Arrays)
            {
                Append(hash, array.Data);
            }
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private static void Append(XxHash128 hash, ArrayData data)
    {
        ReadOnlySpan<int> shape = [data.Length, data.Offset, data.Buffers.Length];
        hash.Append(MemoryMarshal.AsBytes(shape));
        foreach (var buffer in data.Buffers)
        {
            hash.Append(buffer.Span);
        }

        foreach (var child in data.Children ?? [])
        {
            if (child is not null)
            {
                Append(hash, child);
            }
        }

        if (data.Dictionary is not null)
        {
            Append(hash, data.Dictionary);
        }
    }
}
