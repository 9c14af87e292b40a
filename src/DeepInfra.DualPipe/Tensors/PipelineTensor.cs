// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.DualPipe.Tensors;

/// <summary>
/// A contiguous row-major tensor that crosses a stage boundary. It has exactly one owner; whoever owns
/// it disposes it. Not thread-safe: ownership may move between threads, but only one uses it at a time.
/// Derive from it to move tensors of another library without a copy.
/// </summary>
public abstract class PipelineTensor : IDisposable
{
    private readonly long[] _shape;

    /// <summary>Initialises type and shape.</summary>
    /// <param name="dataType">Element type.</param>
    /// <param name="shape">Extents, each >= 0; empty for a scalar.</param>
    /// <param name="requiresGradient">Whether a gradient flows back through it; null = floating-point types only.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is negative.</exception>
    /// <exception cref="ArgumentException">A gradient is asked of an integer tensor.</exception>
    protected PipelineTensor(
        PipelineDataType dataType,
        ReadOnlySpan<long> shape,
        bool? requiresGradient = null
    )
    {
        var count = 1L;
        foreach (var extent in shape)
        {
            if (extent < 0)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(shape),
                    extent,
                    "extents must not be negative"
                );
            }

            if (extent != 0 && count > long.MaxValue / dataType.SizeInBytes() / extent)
            {
                throw new NotSupportedException(
                    $"shape: expected fewer than 2^63 bytes, got {dataType}[{string.Join(", ", shape.ToArray())}]"
                );
            }

            count *= extent;
        }

        if (requiresGradient == true && !dataType.IsFloatingPoint())
        {
            throw new ArgumentException(
                $"a {dataType} tensor cannot require a gradient",
                nameof(requiresGradient)
            );
        }

        DataType = dataType;
        _shape = shape.ToArray();
        ElementCount = count;
        ByteCount = count * dataType.SizeInBytes();
        RequiresGradient = requiresGradient ?? dataType.IsFloatingPoint();
    }

    /// <summary>Number of pooled tensors of this process that are not disposed yet.</summary>
    public static long LiveCount => PooledTensor.Live;

    /// <summary>Element type.</summary>
    public PipelineDataType DataType { get; }

    /// <summary>Extents, row-major; valid after disposal too.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Number of elements.</summary>
    public long ElementCount { get; }

    /// <summary>Size of the data in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>Whether a gradient of this tensor flows back. Integer tensors never require one.</summary>
    public bool RequiresGradient { get; }

    /// <summary>True once the storage is gone.</summary>
    public abstract bool IsReleased { get; }

    /// <summary>The data. Tensors of pooled host memory are 64-byte aligned.</summary>
    /// <exception cref="ObjectDisposedException">The storage was released.</exception>
    public abstract Span<byte> Bytes { get; }

    /// <summary>
    /// Allocates a tensor in pooled, 64-byte aligned host memory. The content is undefined. Disposal gives
    /// the memory back to the pool.
    /// </summary>
    /// <param name="dataType">Element type.</param>
    /// <param name="shape">Extents; empty for a scalar.</param>
    /// <returns>The tensor; the caller owns it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An extent is negative.</exception>
    /// <exception cref="NotSupportedException">More than 1.75 GiB.</exception>
    public static PipelineTensor Allocate(
        PipelineDataType dataType,
        params ReadOnlySpan<long> shape
    ) => new PooledTensor(dataType, shape, null);

    /// <summary>Allocates a pooled tensor with an explicit gradient flag.</summary>
    /// <param name="dataType">Element type.</param>
    /// <param name="requiresGradient">Whether a gradient flows back.</param>
    /// <param name="shape">Extents; empty for a scalar.</param>
    /// <returns>The tensor; the caller owns it.</returns>
    public static PipelineTensor Allocate(
        PipelineDataType dataType,
        bool requiresGradient,
        params ReadOnlySpan<long> shape
    ) => new PooledTensor(dataType, shape, requiresGradient);

    /// <summary>Allocates a tensor and copies data into it.</summary>
    /// <typeparam name="T">Element representation; its size must be that of <paramref name="dataType"/>.</typeparam>
    /// <param name="dataType">Element type.</param>
    /// <param name="values">The elements, row-major.</param>
    /// <param name="shape">Extents; their product is the number of values.</param>
    /// <returns>The tensor; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Sizes do not match.</exception>
    public static PipelineTensor Create<T>(
        PipelineDataType dataType,
        ReadOnlySpan<T> values,
        params ReadOnlySpan<long> shape
    )
        where T : unmanaged
    {
        var tensor = new PooledTensor(dataType, shape, null);
        if (tensor.ElementCount != values.Length || Unsafe.SizeOf<T>() != dataType.SizeInBytes())
        {
            tensor.Dispose();
            throw new ArgumentException(
                $"values: expected {tensor.ElementCount} elements of {dataType.SizeInBytes()} bytes,"
                    + $" got {values.Length} of {Unsafe.SizeOf<T>()}",
                nameof(values)
            );
        }

        values.CopyTo(tensor.AsSpan<T>());
        return tensor;
    }

    /// <summary>Wraps managed memory without copying it. The memory must outlive the tensor.</summary>
    /// <param name="dataType">Element type.</param>
    /// <param name="memory">The data, row-major.</param>
    /// <param name="shape">Extents.</param>
    /// <returns>A tensor whose disposal leaves the memory alone.</returns>
    /// <exception cref="ArgumentException">The byte count does not match the shape.</exception>
    public static PipelineTensor Wrap(
        PipelineDataType dataType,
        Memory<byte> memory,
        params ReadOnlySpan<long> shape
    ) => new BorrowedTensor(dataType, memory, shape, null);

    /// <summary>The data as elements.</summary>
    /// <typeparam name="T">Element representation; its size must be that of <see cref="DataType"/>.</typeparam>
    /// <returns>A span over the storage.</returns>
    /// <exception cref="InvalidOperationException">The element sizes differ.</exception>
    /// <exception cref="ObjectDisposedException">The storage was released.</exception>
    public Span<T> AsSpan<T>()
        where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() != DataType.SizeInBytes())
        {
            throw new InvalidOperationException(
                $"a {DataType} tensor has elements of {DataType.SizeInBytes()} bytes, not {Unsafe.SizeOf<T>()}"
            );
        }

        return MemoryMarshal.Cast<byte, T>(Bytes);
    }

    /// <summary>Gives the storage back; type and shape stay readable. Idempotent.</summary>
    public abstract void ReleaseStorage();

    /// <summary>Releases the storage.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{DataType}[{string.Join(", ", _shape)}]";

    /// <summary>Whether two tensors share at least one byte of storage.</summary>
    /// <param name="other">The other tensor.</param>
    /// <returns>True when they overlap; false when either is released.</returns>
    public virtual bool Overlaps(PipelineTensor other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return !IsReleased
            && !other.IsReleased
            && ((ReadOnlySpan<byte>)Bytes).Overlaps(other.Bytes);
    }

    /// <summary>Releases resources.</summary>
    /// <param name="disposing">True when called from <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            ReleaseStorage();
        }
    }

    internal bool HasShapeOf(PipelineTensor other) =>
        DataType == other.DataType && Shape.SequenceEqual(other.Shape);
}
