// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Apache.Arrow;

namespace DeepInfra.Pond.Rows;

/// <summary>
/// Turns objects into record batches. Public properties become columns; numbers, strings and other single
/// values become one column <c>item</c>.
/// </summary>
internal sealed class RowEncoder<
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T
>
{
    /// <summary>Bytes of text and binary values in a column after which a batch should end.</summary>
    private const long BatchBytes = 64L << 20;

    private readonly PropertyInfo[]? _properties;
    private ColumnWriter[] _writers;
    private int _rows;

    public RowEncoder()
    {
        _properties = IsScalar(typeof(T)) ? null : Properties();
        _writers = NewWriters();
        Schema = new Schema(
            _writers.Select((w, i) => new Field(Name(i), w.Type, nullable: true)),
            null
        );
    }

    public Schema Schema { get; }

    public int Rows => _rows;

    /// <summary>Whether a column has so many bytes that the batch should end, however few rows it has.</summary>
    public bool IsLarge
    {
        get
        {
            foreach (var writer in _writers)
            {
                if (writer.Bytes >= BatchBytes)
                {
                    return true;
                }
            }

            return false;
        }
    }

    public void Append(T row)
    {
        if (_properties is null)
        {
            Append(0, row);
        }
        else
        {
            if (row is null)
            {
                throw new InvalidOperationException("Expected a row, got null.");
            }

            for (var i = 0; i < _properties.Length; i++)
            {
                Append(i, _properties[i].GetValue(row));
            }
        }

        _rows++;
    }

    public RecordBatch Build()
    {
        var batch = new RecordBatch(Schema, _writers.Select(w => w.Build()), _rows);
        _writers = NewWriters();
        _rows = 0;
        return batch;
    }

    private void Append(int column, object? value)
    {
        try
        {
            _writers[column].Append(value);
        }
        catch (OverflowException e)
        {
            throw new PondDataException(
                $"Column '{Name(column)}': the value has 2 GiB of text or binary data or more, which a record batch cannot hold.",
                e
            );
        }
    }

    private static PropertyInfo[] Properties()
    {
        var properties = typeof(T)
            .GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanRead && p.GetIndexParameters().Length == 0)
            .ToArray();
        return properties.Length > 0
            ? properties
            : throw new NotSupportedException(
                $"Type {typeof(T)} has no public property; rows need at least one column."
            );
    }

    private static bool IsScalar(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type.IsPrimitive
            || type.IsEnum
            || type == typeof(string)
            || type == typeof(decimal)
            || type == typeof(byte[])
            || type == typeof(Guid)
            || type == typeof(DateTime)
            || type == typeof(DateTimeOffset)
            || type == typeof(DateOnly)
            || ColumnWriter.ElementType(type) is not null;
    }

    private string Name(int index) => _properties is null ? "item" : _properties[index].Name;

    private ColumnWriter[] NewWriters() =>
        _properties is null
            ? [ColumnWriter.For(typeof(T))]
            : _properties.Select(p => ColumnWriter.For(p.PropertyType)).ToArray();
}
