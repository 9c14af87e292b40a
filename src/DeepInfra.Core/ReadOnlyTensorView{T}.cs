// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>A borrowed, read-only, strided view of host memory; see <see cref="TensorView{T}"/>.</summary>
/// <typeparam name="T">The element type.</typeparam>
public readonly unsafe ref struct ReadOnlyTensorView<T>
    where T : unmanaged
{
    private readonly T* _data;

    internal ReadOnlyTensorView(T* data, Shape shape, Strides strides)
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

    /// <summary>A writable view can always be read.</summary>
    /// <param name="view">The writable view.</param>
    public static implicit operator ReadOnlyTensorView<T>(TensorView<T> view) =>
        new(view.DataPointer, view.Shape, view.Strides);

    /// <summary>The innermost row at the given outer indices, as a span.</summary>
    /// <param name="outer">One index per dimension except the last.</param>
    /// <exception cref="InvalidOperationException">The innermost stride is not 1.</exception>
    public ReadOnlySpan<T> Row(params ReadOnlySpan<long> outer) =>
        new(RowPointer(outer), checked((int)Shape[-1]));

    /// <summary>Copies all elements into a view of the same shape, whatever the strides of either.</summary>
    /// <param name="destination">Same shape; must not share memory unless both are contiguous.</param>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public void CopyTo(TensorView<T> destination)
    {
        if (destination.Shape != Shape)
            throw new ArgumentException(
                $"destination: expected shape {Shape}, got {destination.Shape}",
                nameof(destination)
            );
        if (Shape.ElementCount == 0)
            return;
        if (Strides.IsRowMajor(Shape) && destination.Strides.IsRowMajor(Shape))
        {
            var bytes = Shape.ElementCount * sizeof(T);
            Buffer.MemoryCopy(_data, destination.DataPointer, bytes, bytes);
            return;
        }
        Copy(_data, destination.DataPointer, 0, destination.Strides);
    }

    internal T* RowPointer(ReadOnlySpan<long> outer)
    {
        var rank = Shape.Rank;
        if (outer.Length != rank - 1)
            throw new ArgumentException(
                $"outer: expected {rank - 1} indices, got {outer.Length}",
                nameof(outer)
            );
        if (Strides[-1] != 1 && Shape[-1] > 1)
            throw new InvalidOperationException(
                $"Row: expected innermost stride 1, got {Strides[-1]}"
            );
        long offset = 0;
        for (var i = 0; i < outer.Length; i++)
        {
            if ((ulong)outer[i] >= (ulong)Shape[i])
                throw new ArgumentOutOfRangeException(
                    nameof(outer),
                    $"outer[{i}]: expected a value in [0,{Shape[i]}), got {outer[i]}"
                );
            offset += outer[i] * Strides[i];
        }
        return _data + offset;
    }

    private void Copy(T* source, T* target, int dimension, Strides targetStrides)
    {
        var last = Shape.Rank - 1;
        if (dimension == last && Strides[last] == 1 && targetStrides[last] == 1)
        {
            var bytes = Shape[last] * sizeof(T);
            Buffer.MemoryCopy(source, target, bytes, bytes);
            return;
        }
        for (long i = 0; i < Shape[dimension]; i++)
        {
            var from = source + i * Strides[dimension];
            var to = target + i * targetStrides[dimension];
            if (dimension == last)
                *to = *from;
            else
                Copy(from, to, dimension + 1, targetStrides);
        }
    }
}
