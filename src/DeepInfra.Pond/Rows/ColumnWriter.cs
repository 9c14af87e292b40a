// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Rows;

/// <summary>Collects .NET values into an Arrow array.</summary>
internal abstract class ColumnWriter
{
    public abstract IArrowType Type { get; }

    /// <summary>Bytes of the text and binary values so far; their offsets have 32 bits.</summary>
    public virtual long Bytes => 0;

    public abstract void Append(object? value);

    public abstract IArrowArray Build();

    /// <summary>A writer for values of a .NET type.</summary>
    public static ColumnWriter For(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string) || type.IsEnum || type == typeof(Guid))
        {
            return new StringWriter();
        }

        if (type == typeof(byte[]) || type == typeof(ReadOnlyMemory<byte>))
        {
            return new BinaryWriter();
        }

        if (type == typeof(bool))
        {
            return new BooleanWriter();
        }

        if (type == typeof(decimal))
        {
            return new DecimalWriter();
        }

        if (type == typeof(DateTime) || type == typeof(DateTimeOffset))
        {
            return new TimestampWriter(type == typeof(DateTime) ? null : "UTC");
        }

        if (type == typeof(DateOnly))
        {
            return new DateWriter();
        }

        return Primitive(type)
            ?? (
                ElementType(type) is { } element
                    ? new ListWriter(element)
                    : throw new NotSupportedException(
                        $"Type {type} has no column type; use numbers, bool, string, byte[], DateTime, DateTimeOffset, DateOnly, Guid, enums, or arrays and lists of these."
                    )
            );
    }

    /// <summary>Element type of arrays and of the common list types.</summary>
    public static Type? ElementType(Type type)
    {
        if (type.IsArray)
        {
            return type.GetElementType();
        }

        if (!type.IsGenericType)
        {
            return null;
        }

        var definition = type.GetGenericTypeDefinition();
        return
            definition == typeof(List<>)
            || definition == typeof(IReadOnlyList<>)
            || definition == typeof(IList<>)
            || definition == typeof(IEnumerable<>)
            || definition == typeof(IReadOnlyCollection<>)
            ? type.GetGenericArguments()[0]
            : null;
    }

    private static ColumnWriter? Primitive(Type type) =>
        System.Type.GetTypeCode(type) switch
        {
            TypeCode.SByte => new PrimitiveWriter<sbyte, Int8Array, Int8Array.Builder>(
                new(),
                Int8Type.Default
            ),
            TypeCode.Int16 => new PrimitiveWriter<short, Int16Array, Int16Array.Builder>(
                new(),
                Int16Type.Default
            ),
            TypeCode.Int32 => new PrimitiveWriter<int, Int32Array, Int32Array.Builder>(
                new(),
                Int32Type.Default
            ),
            TypeCode.Int64 => new PrimitiveWriter<long, Int64Array, Int64Array.Builder>(
                new(),
                Int64Type.Default
            ),
            TypeCode.Byte => new PrimitiveWriter<byte, UInt8Array, UInt8Array.Builder>(
                new(),
                UInt8Type.Default
            ),
            TypeCode.UInt16 => new PrimitiveWriter<ushort, UInt16Array, UInt16Array.Builder>(
                new(),
                UInt16Type.Default
            ),
            TypeCode.UInt32 => new PrimitiveWriter<uint, UInt32Array, UInt32Array.Builder>(
                new(),
                UInt32Type.Default
            ),
            TypeCode.UInt64 => new PrimitiveWriter<ulong, UInt64Array, UInt64Array.Builder>(
                new(),
                UInt64Type.Default
            ),
            TypeCode.Single => new PrimitiveWriter<float, FloatArray, FloatArray.Builder>(
                new(),
                FloatType.Default
            ),
            TypeCode.Double => new PrimitiveWriter<double, DoubleArray, DoubleArray.Builder>(
                new(),
                DoubleType.Default
            ),
            _ => null,
        };

    private sealed class PrimitiveWriter<T, TArray, TBuilder>(TBuilder builder, IArrowType type)
        : ColumnWriter
        where T : struct
        where TArray : IArrowArray
        where TBuilder : PrimitiveArrayBuilder<T, TArray, TBuilder>
    {
        public override IArrowType Type => type;

        public override void Append(object? value)
        {
            if (value is null)
            {
                builder.AppendNull();
            }
            else
            {
                builder.Append((T)value);
            }
        }

        public override IArrowArray Build() => builder.Build();
    }

    private sealed class StringWriter : ColumnWriter
    {
        private const int SmallText = 1 << 14;
        private readonly StringArray.Builder _builder = new();
        private byte[] _small = new byte[256];
        private long _bytes;

        public override IArrowType Type => StringType.Default;

        public override long Bytes => _bytes;

        public override void Append(object? value)
        {
            if (value is null)
            {
                _builder.AppendNull();
            }
            else
            {
                Append(value as string ?? Convert.ToString(value, CultureInfo.InvariantCulture)!);
            }
        }

        public override IArrowArray Build() => _builder.Build();

        private void Append(string text)
        {
            byte[] buffer;
            if (text.Length > SmallText)
            {
                buffer = new byte[CountBytes(text)];
            }
            else
            {
                if (_small.Length < Encoding.UTF8.GetMaxByteCount(text.Length))
                {
                    _small = new byte[2 * Encoding.UTF8.GetMaxByteCount(text.Length)];
                }

                buffer = _small;
            }

            var length = Encoding.UTF8.GetBytes(text, buffer);
            _builder.Append(buffer.AsSpan(0, length));
            _bytes += length;
        }

        private static int CountBytes(string text)
        {
            try
            {
                return Encoding.UTF8.GetByteCount(text);
            }
            catch (ArgumentException e)
            {
                throw new OverflowException("The text has 2 GiB or more as UTF-8.", e);
            }
        }
    }

    private sealed class BinaryWriter : ColumnWriter
    {
        private readonly BinaryArray.Builder _builder = new();
        private long _bytes;

        public override IArrowType Type => BinaryType.Default;

        public override long Bytes => _bytes;

        public override void Append(object? value)
        {
            switch (value)
            {
                case null:
                    _builder.AppendNull();
                    break;
                default:
                    var bytes = value is byte[] array
                        ? array.AsSpan()
                        : ((ReadOnlyMemory<byte>)value).Span;
                    _bytes += bytes.Length;
                    _builder.Append(bytes);
                    break;
            }
        }

        public override IArrowArray Build() => _builder.Build();
    }

    private sealed class BooleanWriter : ColumnWriter
    {
        private readonly BooleanArray.Builder _builder = new();

        public override IArrowType Type => BooleanType.Default;

        public override void Append(object? value)
        {
            if (value is null)
            {
                _builder.AppendNull();
            }
            else
            {
                _builder.Append((bool)value);
            }
        }

        public override IArrowArray Build() => _builder.Build();
    }

    private sealed class DecimalWriter : ColumnWriter
    {
        private readonly Decimal128Array.Builder _builder = new(new Decimal128Type(38, 10));

        public override IArrowType Type { get; } = new Decimal128Type(38, 10);

        public override void Append(object? value)
        {
            if (value is null)
            {
                _builder.AppendNull();
            }
            else
            {
                _builder.Append((decimal)value);
            }
        }

        public override IArrowArray Build() => _builder.Build();
    }

    private sealed class TimestampWriter(string? zone) : ColumnWriter
    {
        private readonly Int64Array.Builder _builder = new();

        public override IArrowType Type { get; } = new TimestampType(TimeUnit.Microsecond, zone);

        public override void Append(object? value)
        {
            switch (value)
            {
                case null:
                    _builder.AppendNull();
                    break;
                case DateTimeOffset offset:
                    _builder.Append((offset.UtcTicks - DateTime.UnixEpoch.Ticks) / 10);
                    break;
                default:
                    _builder.Append((((DateTime)value).Ticks - DateTime.UnixEpoch.Ticks) / 10);
                    break;
            }
        }

        public override IArrowArray Build()
        {
            var data = _builder.Build().Data;
            return new TimestampArray(
                new ArrayData(Type, data.Length, data.NullCount, data.Offset, data.Buffers)
            );
        }
    }

    private sealed class DateWriter : ColumnWriter
    {
        private readonly Date32Array.Builder _builder = new();

        public override IArrowType Type => Date32Type.Default;

        public override void Append(object? value)
        {
            if (value is null)
            {
                _builder.AppendNull();
            }
            else
            {
                _builder.Append(((DateOnly)value).ToDateTime(TimeOnly.MinValue));
            }
        }

        public override IArrowArray Build() => _builder.Build();
    }

    private sealed class ListWriter(Type element) : ColumnWriter
    {
        private readonly ColumnWriter _values = For(element);
        private readonly ArrowBuffer.Builder<int> _offsets = new();
        private readonly ArrowBuffer.BitmapBuilder _validity = new();
        private int _count;
        private int _length;
        private int _nulls;

        public override IArrowType Type { get; } = new ListType(For(element).Type);

        public override long Bytes => _values.Bytes + (8L * _count);

        public override void Append(object? value)
        {
            _offsets.Append(_count);
            _length++;
            _validity.Append(value is not null);
            if (value is null)
            {
                _nulls++;
                return;
            }

            foreach (var item in (System.Collections.IEnumerable)value)
            {
                _values.Append(item);
                _count++;
            }
        }

        public override IArrowArray Build()
        {
            _offsets.Append(_count);
            return new ListArray(
                Type,
                _length,
                _offsets.Build(),
                _values.Build(),
                _nulls == 0 ? ArrowBuffer.Empty : _validity.Build(),
                _nulls
            );
        }
    }
}
