// SPDX-License-Identifier: MIT
using Apache.Arrow;
using Apache.Arrow.Types;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Text;

/// <summary>Finds and builds columns of record batches.</summary>
internal static class BatchColumns
{
    public static ListType IntList { get; } =
        new(new Field("item", Int32Type.Default, nullable: true));

    public static int Index(Schema schema, string name)
    {
        for (var i = 0; i < schema.FieldsList.Count; i++)
        {
            if (string.Equals(schema.FieldsList[i].Name, name, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }

        throw new PondSchemaException(
            $"There is no column '{name}'; columns: {ArrowTypes.Describe(schema)}."
        );
    }

    public static T Column<T>(RecordBatch batch, string name, string expected)
        where T : class, IArrowArray
    {
        var array = batch.Column(Index(batch.Schema, name));
        return array as T
            ?? throw new PondSchemaException(
                $"Column '{name}': expected {expected}, got {ArrowTypes.SqlName(array.Data.DataType)}."
            );
    }

    /// <summary>Lists of 32-bit integers and their values.</summary>
    public static (ListArray Lists, Int32Array Values) IntLists(RecordBatch batch, string name)
    {
        var lists = Column<ListArray>(batch, name, "INTEGER[]");
        return lists.Values is Int32Array values
            ? (lists, values)
            : throw new PondSchemaException(
                $"Column '{name}': expected INTEGER[], got {ArrowTypes.SqlName(lists.Data.DataType)}."
            );
    }

    /// <summary>The batches, or one without rows when there are none, so that the result's columns are known.</summary>
    public static IEnumerable<RecordBatch> AtLeastOne(IEnumerable<RecordBatch> batches)
    {
        var any = false;
        foreach (var batch in batches)
        {
            any = true;
            yield return batch;
        }

        if (!any && batches is BatchReader reader)
        {
            yield return EmptyArrays.Batch(reader.Schema);
        }
    }
}

/// <summary>Builds an INTEGER[] column.</summary>
internal sealed class IntListBuilder
{
    private readonly ArrowBuffer.Builder<int> _offsets = new();
    private readonly ArrowBuffer.Builder<int> _values = new();
    private readonly ArrowBuffer.BitmapBuilder _validity = new();
    private int _count;
    private int _nulls;

    public int Length => _count;

    public int TotalValues => _values.Length;

    public void Append(ReadOnlySpan<int> values)
    {
        _offsets.Append(_values.Length);
        _values.Append(values);
        _validity.Append(true);
        _count++;
    }

    public void AppendNull()
    {
        _offsets.Append(_values.Length);
        _validity.Append(false);
        _count++;
        _nulls++;
    }

    public ListArray Build()
    {
        _offsets.Append(_values.Length);
        var length = _values.Length;
        return new ListArray(
            BatchColumns.IntList,
            _count,
            _offsets.Build(),
            new Int32Array(_values.Build(), ArrowBuffer.Empty, length, 0, 0),
            _nulls == 0 ? ArrowBuffer.Empty : _validity.Build(),
            _nulls
        );
    }
}
