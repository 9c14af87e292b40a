// SPDX-License-Identifier: MIT
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Engine;

/// <summary>Zero-length Arrow arrays and batches of any type.</summary>
internal static class EmptyArrays
{
    public static RecordBatch Batch(Schema schema) =>
        new(schema, schema.FieldsList.Select(f => Create(f.DataType)), 0);

#pragma warning disable CA2000 // what is empty holds no memory, and belongs to the array that it is put into
    public static IArrowArray Create(IArrowType type) => ArrowArrayFactory.BuildArray(Data(type));

    private static ArrayData Data(IArrowType type)
    {
        // One zero offset satisfies readers of variable-size types.
        var offsets = new ArrowBuffer(new byte[8]);
        return type switch
        {
            NullType => new ArrayData(type, 0, 0, 0, System.Array.Empty<ArrowBuffer>()),
            DictionaryType dictionary => new ArrayData(
                type,
                0,
                0,
                0,
                [ArrowBuffer.Empty, ArrowBuffer.Empty],
                null,
                Data(dictionary.ValueType)
            ),
            StructType s => new ArrayData(
                type,
                0,
                0,
                0,
                [ArrowBuffer.Empty],
                s.Fields.Select(f => Data(f.DataType)).ToArray()
            ),
            MapType map => new ArrayData(
                type,
                0,
                0,
                0,
                [ArrowBuffer.Empty, offsets],
                [Data(new StructType([map.KeyField, map.ValueField]))]
            ),
            FixedSizeListType list => new ArrayData(
                type,
                0,
                0,
                0,
                [ArrowBuffer.Empty],
                [Data(list.ValueDataType)]
            ),
            ListType list => new ArrayData(
                type,
                0,
                0,
                0,
                [ArrowBuffer.Empty, offsets],
                [Data(list.ValueDataType)]
            ),
            LargeListType list => new ArrayData(
                type,
                0,
                0,
                0,
                [ArrowBuffer.Empty, offsets],
                [Data(list.ValueDataType)]
            ),
            StringType or LargeStringType or BinaryType or LargeBinaryType => new ArrayData(
                type,
                0,
                0,
                0,
                [ArrowBuffer.Empty, offsets, ArrowBuffer.Empty]
            ),
            _ => new ArrayData(type, 0, 0, 0, [ArrowBuffer.Empty, ArrowBuffer.Empty]),
        };
    }
#pragma warning restore CA2000
}
