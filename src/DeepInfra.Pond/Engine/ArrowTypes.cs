// SPDX-License-Identifier: MIT
using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Engine;

/// <summary>DuckDB names of Arrow types.</summary>
internal static class ArrowTypes
{
    public static string Describe(Schema schema) =>
        string.Join(", ", schema.FieldsList.Select(f => $"{f.Name} {SqlName(f.DataType)}"));

    public static PondSchema ToPond(Schema schema) =>
        new(schema.FieldsList.Select(f => new PondColumn(f.Name, SqlName(f.DataType))));

    public static string SqlName(IArrowType type) =>
        type switch
        {
            BooleanType => "BOOLEAN",
            Int8Type => "TINYINT",
            Int16Type => "SMALLINT",
            Int32Type => "INTEGER",
            Int64Type => "BIGINT",
            UInt8Type => "UTINYINT",
            UInt16Type => "USMALLINT",
            UInt32Type => "UINTEGER",
            UInt64Type => "UBIGINT",
            FloatType => "FLOAT",
            DoubleType => "DOUBLE",
            StringType or LargeStringType or StringViewType => "VARCHAR",
            Decimal32Type d => Decimal(d.Precision, d.Scale),
            Decimal64Type d => Decimal(d.Precision, d.Scale),
            Decimal128Type d => Decimal(d.Precision, d.Scale),
            BinaryType or LargeBinaryType or BinaryViewType or FixedSizeBinaryType => "BLOB",
            Date32Type or Date64Type => "DATE",
            TimestampType t when t.Timezone is not null => "TIMESTAMP WITH TIME ZONE",
            TimestampType t => t.Unit switch
            {
                TimeUnit.Second => "TIMESTAMP_S",
                TimeUnit.Millisecond => "TIMESTAMP_MS",
                TimeUnit.Nanosecond => "TIMESTAMP_NS",
                _ => "TIMESTAMP",
            },
            Time32Type or Time64Type => "TIME",
            IntervalType or DurationType => "INTERVAL",
            NullType => "\"NULL\"",
            FixedSizeListType l => FormattableString.Invariant(
                $"{SqlName(l.ValueDataType)}[{l.ListSize}]"
            ),
            ListType l => SqlName(l.ValueDataType) + "[]",
            LargeListType l => SqlName(l.ValueDataType) + "[]",
            MapType m => $"MAP({SqlName(m.KeyField.DataType)}, {SqlName(m.ValueField.DataType)})",
            StructType s => "STRUCT("
                + string.Join(
                    ", ",
                    s.Fields.Select(f => $"{SqlText.Identifier(f.Name)} {SqlName(f.DataType)}")
                )
                + ")",
            DictionaryType d => SqlName(d.ValueType),
            _ => type.Name.ToUpper(CultureInfo.InvariantCulture),
        };

    private static string Decimal(int precision, int scale) =>
        FormattableString.Invariant($"DECIMAL({precision},{scale})");
}
