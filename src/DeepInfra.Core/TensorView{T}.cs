// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>
/// A borrowed, writable, strided view of host memory without heap storage. Valid only while the memory it
/// was made from is alive; the compiler keeps it on the stack.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public readonly unsafe ref struct TensorView<T>
    where T : unmanaged
{
    private readonly T* _data;

    internal TensorView(T* data, Shape shape, Strides strides)
    {
        _data = data;
        Shape = shape;
        Strides = strides;
    }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>The steps in elements.</summary>
    public Strides Strides { get; }

    /// <summary>The address of element [0,…,0].</summary>
    public T* DataPointer => _data;

    /// <summary>The innermost row at the given outer indices, as a span.</summary>
    /// <param name="outer">One index per dimension except the last.</param>
    /// <exception cref="InvalidOperationException">The innermost stride is not 1.</exception>
    public Span<T> Row(params ReadOnlySpan<long> outer)
    {
        ReadOnlyTensorView<T> view = this;
        return new Span<T>(view.RowPointer(outer), checked((int)Shape[-1]));
    }

    /// <summary>Sets every element.</summary>
    /// <param name="value">The value.</param>
    public void Fill(T value)
    {
        if (Strides.IsRowMajor(Shape))
        {
            for (long done = 0, total = Shape.ElementCount; done < total; )
            {
                var length = (int)Math.Min(total - done, int.MaxValue);
                new Span<T>(_data + done, length).Fill(value);
                done += length;
            }
            return;
        }
        Fill(_data, 0, value);
    }

    private void Fill(T* data, int dimension, T value)
    {
        if (dimension == Shape.Rank)
        {
            *data = value;
            return;
        }
        for (long i = 0; i < Shape[dimension]; i++)
            Fill(data + i * Strides[dimension], dimension + 1, value);
    }
}
