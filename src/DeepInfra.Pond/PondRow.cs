// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Rows;

namespace DeepInfra.Pond;

/// <summary>
/// One row of a frame. A view into a batch: cheap to pass around. Names are compared without regard to case.
/// </summary>
public readonly struct PondRow
{
    private readonly RowBatch _batch;
    private readonly int _index;

    internal PondRow(RowBatch batch, int index)
    {
        _batch = batch;
        _index = index;
    }

    /// <summary>Number of columns.</summary>
    public int FieldCount => _batch.Columns.Length;

    /// <summary>Value of a column by name; null for NULL.</summary>
    /// <param name="name">Column name.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    public object? this[string name] =>
        ArrowValues.Get(_batch.Columns[_batch.Ordinal(name)], _index);

    /// <summary>Value of a column by position; null for NULL.</summary>
    /// <param name="ordinal">Position, counted from 0.</param>
    public object? this[int ordinal] => ArrowValues.Get(_batch.Columns[ordinal], _index);

    /// <summary>Name of a column.</summary>
    /// <param name="ordinal">Position, counted from 0.</param>
    /// <returns>The name.</returns>
    public string GetName(int ordinal) => _batch.Batch.Schema.FieldsList[ordinal].Name;

    /// <summary>Whether a value is NULL.</summary>
    /// <param name="name">Column name.</param>
    /// <returns>True for NULL.</returns>
    public bool IsNull(string name) => _batch.Columns[_batch.Ordinal(name)].IsNull(_index);

    /// <summary>Text of a VARCHAR column.</summary>
    /// <param name="name">Column name.</param>
    /// <returns>The text, or null for NULL.</returns>
    /// <exception cref="InvalidCastException">The column has another type.</exception>
    /// <exception cref="PondDataException">The text has more than 1,073,741,791 characters.</exception>
    public string? GetString(string name) => (string?)this[name];

    /// <summary>Value of an integer column.</summary>
    /// <param name="name">Column name.</param>
    /// <returns>The value.</returns>
    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public long GetInt64(string name) =>
        Convert.ToInt64(Required(name), CultureInfo.InvariantCulture);

    /// <summary>Value of an integer column.</summary>
    /// <param name="name">Column name.</param>
    /// <returns>The value.</returns>
    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public int GetInt32(string name) =>
        Convert.ToInt32(Required(name), CultureInfo.InvariantCulture);

    /// <summary>Value of a numeric column.</summary>
    /// <param name="name">Column name.</param>
    /// <returns>The value.</returns>
    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public double GetDouble(string name) =>
        Convert.ToDouble(Required(name), CultureInfo.InvariantCulture);

    /// <summary>Value of a BOOLEAN column.</summary>
    /// <param name="name">Column name.</param>
    /// <returns>The value.</returns>
    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public bool GetBoolean(string name) => (bool)Required(name);

    /// <summary>Bytes of a BLOB column.</summary>
    /// <param name="name">Column name.</param>
    /// <returns>A copy of the bytes, or null for NULL.</returns>
    /// <exception cref="InvalidCastException">The column has another type.</exception>
    public byte[]? GetBytes(string name) => (byte[]?)this[name];

    /// <summary>All values by column name.</summary>
    /// <returns>A new dictionary.</returns>
    public Dictionary<string, object?> ToDictionary()
    {
        var result = new Dictionary<string, object?>(FieldCount, StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < FieldCount; i++)
        {
            result[GetName(i)] = this[i];
        }

        return result;
    }

    private object Required(string name) =>
        this[name] ?? throw new InvalidOperationException($"Column '{name}' is NULL in this row.");
}
