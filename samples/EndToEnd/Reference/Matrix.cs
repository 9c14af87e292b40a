// SPDX-License-Identifier: MIT
namespace EndToEnd.Reference;

/// <summary>A float64 matrix with its gradient.</summary>
internal sealed class Matrix
{
    private readonly double[] _value;
    private readonly double[] _gradient;
    private readonly int _offset;

    public Matrix(int rows, int columns)
        : this(new double[rows * columns], new double[rows * columns], 0, rows, columns) { }

    private Matrix(double[] value, double[] gradient, int offset, int rows, int columns)
    {
        _value = value;
        _gradient = gradient;
        _offset = offset;
        Rows = rows;
        Columns = columns;
    }

    public int Rows { get; }

    public int Columns { get; }

    public Span<double> Value => _value.AsSpan(_offset, Rows * Columns);

    public Span<double> Gradient => _gradient.AsSpan(_offset, Rows * Columns);

    public ref double this[int row, int column] => ref Value[row * Columns + column];

    public Span<double> Row(int row) => Value.Slice(row * Columns, Columns);

    public Span<double> GradientRow(int row) => Gradient.Slice(row * Columns, Columns);

    /// <summary>Some rows of the same memory.</summary>
    public Matrix RowRange(int start, int count) =>
        new(_value, _gradient, _offset + start * Columns, count, Columns);
}
