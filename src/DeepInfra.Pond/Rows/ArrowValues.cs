// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Arrays;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Rows;

/// <summary>Reads single values out of Arrow arrays as .NET values.</summary>
internal static class ArrowValues
{
    /// <summary>UTF-16 code units; the runtime's limit.</summary>
    private const int MaxStringLength = 0x3FFFFFDF;

    public static object? Get(IArrowArray array, int index)
    {
        if (array.IsNull(index))
        {
            return null;
        }

        return array switch
        {
            StringArray a => Text(a.GetBytes(index)),
            LargeStringArray a => Text(a.GetBytes(index)),
            Int64Array a => a.GetValue(index),
            Int32Array a => a.GetValue(index),
            DoubleArray a => a.GetValue(index),
            BooleanArray a => a.GetValue(index),
            FloatArray a => a.GetValue(index),
            Int16Array a => a.GetValue(index),
            Int8Array a => a.GetValue(index),
            UInt64Array a => a.GetValue(index),
            UInt32Array a => a.GetValue(index),
            UInt16Array a => a.GetValue(index),
            UInt8Array a => a.GetValue(index),
            Decimal128Array a => a.GetValue(index),
            Decimal64Array a => a.GetValue(index),
            Decimal32Array a => a.GetValue(index),
            FixedSizeBinaryArray a => a.GetBytes(index).ToArray(),
            BinaryArray a => a.GetBytes(index).ToArray(),
            LargeBinaryArray a => a.GetBytes(index).ToArray(),
            Date32Array a => DateOnly.FromDateTime(a.GetDateTime(index)!.Value),
            TimestampArray a => Timestamp(a, index),
            Time64Array a => TimeOnly.FromTimeSpan(
                TimeSpan.FromTicks(
                    ((Time64Type)a.Data.DataType).Unit == TimeUnit.Nanosecond
                        ? a.GetValue(index)!.Value / 100
                        : a.GetValue(index)!.Value * 10
                )
            ),
            ListArray a => List(a.GetSlicedValues(index)),
            LargeListArray a => List(a.GetSlicedValues(index)),
            FixedSizeListArray a => List(a.GetSlicedValues(index)),
            StructArray a => Struct(a, index),
            DictionaryArray a => Get(
                a.Dictionary,
                Convert.ToInt32(Get(a.Indices, index), CultureInfo.InvariantCulture)
            ),
            _ => throw new NotSupportedException(
                $"Values of Arrow type {array.Data.DataType.Name} cannot be read row by row; cast the column or use MapBatches."
            ),
        };
    }

    /// <summary>UTF-8 as a string.</summary>
    /// <exception cref="PondDataException">The text has more characters than a string can have.</exception>
    public static string Text(ReadOnlySpan<byte> utf8)
    {
        if (
            utf8.Length > MaxStringLength
            && Encoding.UTF8.GetCharCount(utf8) is var length and > MaxStringLength
        )
        {
            throw new PondDataException(
                FormattableString.Invariant(
                    $"A text has {length} characters, and a .NET string holds at most {MaxStringLength}; cast the column to BLOB to get its UTF-8 bytes, or work on it in SQL or MapBatches."
                )
            );
        }

        return Encoding.UTF8.GetString(utf8);
    }

    private static object Timestamp(TimestampArray array, int index)
    {
        var type = (TimestampType)array.Data.DataType;
        var value = array.GetValue(index)!.Value;
        var ticks = type.Unit switch
        {
            TimeUnit.Second => value * TimeSpan.TicksPerSecond,
            TimeUnit.Millisecond => value * TimeSpan.TicksPerMillisecond,
            TimeUnit.Microsecond => value * 10,
            _ => value / 100,
        };
        var time = DateTime.UnixEpoch.AddTicks(ticks);
        return type.Timezone is null
            ? DateTime.SpecifyKind(time, DateTimeKind.Unspecified)
            : new DateTimeOffset(time, TimeSpan.Zero);
    }

    private static object List(IArrowArray values)
    {
        switch (values)
        {
            case Int32Array a when a.NullCount == 0:
                return a.Values.ToArray();
            case Int64Array a when a.NullCount == 0:
                return a.Values.ToArray();
            case FloatArray a when a.NullCount == 0:
                return a.Values.ToArray();
            case DoubleArray a when a.NullCount == 0:
                return a.Values.ToArray();
            case UInt16Array a when a.NullCount == 0:
                return a.Values.ToArray();
            case StringArray a when a.NullCount == 0:
                return Enumerable.Range(0, a.Length).Select(i => Text(a.GetBytes(i))).ToArray();
            default:
                return Enumerable.Range(0, values.Length).Select(i => Get(values, i)).ToArray();
        }
    }

    private static Dictionary<string, object?> Struct(StructArray array, int index)
    {
        var type = (StructType)array.Data.DataType;
        var result = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < type.Fields.Count; i++)
        {
            result[type.Fields[i].Name] = Get(array.Fields[i], index);
        }

        return result;
    }
}
